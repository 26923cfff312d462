/** One reading of the replica; proto/telemetry.proto says what each field means. */
import { Bytes } from "../wire/bytes.ts";
import { Settings } from "../settings/settings.ts";

export class Sample {
  readonly deployment: Bytes;
  readonly pod: Bytes;
  readonly intervalMs: f64;
  readonly boot: f64;
  seq: f64 = 0;
  at: f64 = 0;
  isHealthy: bool = false;
  isProven: bool = false;
  verdictMs: f64 = 0;
  result: i32 = 0;
  status: i32 = 0;
  isConnected: bool = false;
  connectMs: f64 = 0;
  latencyMs: f64 = 0;
  readonly body: Bytes;
  passes: f64 = 0;
  fails: f64 = 0;
  restarts: f64 = 0;
  procs: f64 = 0;
  cpuTicks: f64 = 0;
  cpuOverMs: f64 = 0;
  rssPages: f64 = 0;
  threads: f64 = 0;
  fds: f64 = 0;
  fdsDenied: f64 = 0;
  dropped: f64 = 0;

  /** `body` is what its owner holds at the time. */
  constructor(settings: Settings, boot: f64, body: Bytes) {
    this.deployment = settings.deploymentId;
    this.pod = settings.replica;
    this.intervalMs = settings.intervalMs;
    this.boot = boot;
    this.body = body;
  }
}

/** The sidecar's environment. Anything missing or malformed is one clear line and an exit, never a guess. */
import { Bytes } from "../wire/bytes.ts";
import { Environment } from "./environment.ts";
import * as host from "../host.ts";

const MAX_DEPLOYMENT_ID: i32 = 128;
/** Names of hosts and of pods. */
const MAX_NAME: i32 = 253;
const MAX_TEXT: i32 = 512;
const MAX_PORT: f64 = 65_535;

export class Settings {
  readonly deploymentId: Bytes;
  readonly replica: Bytes;
  readonly probeHost: Bytes;
  readonly probePort: i32;
  readonly probePath: Bytes;
  readonly intervalMs: f64;
  readonly timeoutMs: f64;
  /** In a row, for the verdict to become true, and false. */
  readonly passes: f64;
  readonly failures: f64;
  readonly collectorHost: Bytes;
  readonly collectorPort: i32;
  readonly collectorToken: Bytes;
  readonly isGrpc: bool;
  readonly isTls: bool;
  /** 0 = none. */
  readonly livenessPort: i32;
  /** File that holds the app's process id; empty = the pod's shared process namespace is the app's. */
  readonly appPidFile: Bytes;

  /** What `environment` finds wrong makes these settings useless. */
  constructor(environment: Environment) {
    this.deploymentId = environment.id("DEPLOYMENT_ID", MAX_DEPLOYMENT_ID);
    this.replica = environment.id("REPLICA", MAX_NAME);
    this.probeHost = environment.address("PROBE_HOST", MAX_NAME);
    this.probePort = environment.wholeNumber("PROBE_PORT", 1, MAX_PORT, -1) as i32;
    this.probePath = environment.path("PROBE_PATH", MAX_TEXT);
    this.intervalMs = environment.wholeNumber("PROBE_INTERVAL_MS", 50, 3_600_000, -1);
    this.timeoutMs = environment.wholeNumber("PROBE_TIMEOUT_MS", 1, 600_000, -1);
    this.passes = environment.wholeNumber("PROBE_PASSES", 1, 10, 2);
    this.failures = environment.wholeNumber("PROBE_FAILURES", 1, 10, 3);
    this.collectorHost = environment.address("COLLECTOR_HOST", MAX_NAME);
    this.collectorPort = environment.wholeNumber("COLLECTOR_PORT", 1, MAX_PORT, -1) as i32;
    this.collectorToken = environment.secret("COLLECTOR_TOKEN", MAX_TEXT);
    this.isGrpc = readProtocol(environment);
    this.isTls = readTls(environment);
    this.livenessPort = environment.wholeNumber("LIVENESS_PORT", 1, MAX_PORT, 0) as i32;
    this.appPidFile = environment.optional("APP_PID_FILE", MAX_TEXT);
  }
}

function readProtocol(environment: Environment): bool {
  const protocol = environment.optional("COLLECTOR_PROTOCOL", MAX_TEXT);
  const isGrpc = protocol.equals("grpc");
  if (!isGrpc && protocol.length > 0 && !protocol.equals("http")) {
    environment.refuseValue("COLLECTOR_PROTOCOL", "must be http or grpc");
  }
  return isGrpc;
}

function readTls(environment: Environment): bool {
  // The host reads the name itself when it connects.
  environment.optional("COLLECTOR_SERVER_NAME", MAX_NAME);
  const file = environment.optional("COLLECTOR_CA_FILE", MAX_TEXT);
  if (file.length === 0) return false;
  if (!host.hasTls()) {
    environment.refuse(
      "COLLECTOR_CA_FILE",
      "is set, but this build has no TLS: unset it or run the build with TLS",
    );
  } else if (!host.readFile(file, new Bytes(1))) {
    environment.refuseValue("COLLECTOR_CA_FILE", "cannot be read");
  }
  return true;
}

/**
 * What a sidecar costs, in each of its forms, beside the same prober written plainly on Node: all of them probe at the same
 * rate in the same minute, each its own port of one app, and report to the gateway's collector. Starts are measured in turns.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import {
  startTestGateway,
  TEST_SECRET,
  type TestGateway,
} from "../../gateway/src/testing/test-gateway.ts";
import { createAuthority, createServerCertificate } from "../../sidecar/testing/certificates.ts";
import { lacksNative } from "../../sidecar/testing/native-binary.ts";
import { forwardTo, overTls, rawServer } from "../contract/sidecar/servers.ts";
import { temporaryFolder } from "../support/folders.ts";
import { endWithTests } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { type BenchResult, median, type Row } from "./support/bench.ts";
import { cpuMsOf, type Memory, memoryOf } from "./support/process-cost.ts";
import { type Contender, nativeContenders, nodeContenders, PEER } from "./support/sidecars.ts";

export const name = "sidecar";

const STARTS = 11;
const INTERVAL_MS = 50;
const ROUNDS = 5;
const PROBES_PER_ROUND = 200;
/** After these the programs have seen everything once; growth is counted from here. */
const WARM_UP_PROBES = 100;
const TLS_NAME = "collector.test";

export async function run(): Promise<BenchResult> {
  const missing = lacksNative();
  if (missing !== null) process.stderr.write(`the native forms are not measured: ${missing}\n`);
  const contenders = [...(missing === null ? await nativeContenders() : []), ...nodeContenders()];
  const gateway = await startTestGateway();
  const collector = await collectorBehind(gateway);
  const racers = await Promise.all(contenders.map((one) => Racer.prepare(one, collector)));
  try {
    for (let turn = 0; turn < STARTS; turn++) for (const racer of racers) await racer.timeStart();
    await Promise.all(racers.map((racer) => racer.endure()));
    for (const racer of racers) racer.assertHeard(gateway);
    return { rows: rowsOf(racers) };
  } finally {
    await Promise.all(racers.map((racer) => racer.close()));
    await collector.close();
    await gateway.gateway.stop(0);
  }
}

const METRICS = [
  { metric: "size", unit: "kB", isCompared: false },
  { metric: `start to the first connection, p50 of ${STARTS}`, unit: "ms", isCompared: true },
  { metric: "resident after 1,000 probes", unit: "kB", isCompared: true },
  { metric: "proportional after 1,000 probes", unit: "kB", isCompared: false },
  { metric: "growth of resident since 100 probes", unit: "kB", isCompared: false },
  { metric: `CPU for each probe, p50 of ${ROUNDS} rounds`, unit: "ms", isCompared: true },
] as const;

function rowsOf(racers: readonly Racer[]): readonly Row[] {
  const all = racers.map((racer) => ({ name: racer.contender.name, figures: racer.figures() }));
  const peer = all.find((one) => one.name === PEER)?.figures ?? [];
  const node = { metric: "size of Node, which two of them need", unit: "MB" };
  return [
    { ...node, value: hundredths(statSync(process.execPath).size / 1e6) },
    ...METRICS.flatMap(({ metric, unit, isCompared }, index) =>
      all.flatMap(({ name: who, figures }): Row[] => {
        const value = figures[index] ?? Number.NaN;
        const share = hundredths((value / (peer[index] ?? Number.NaN)) * 100);
        const own = { metric: `${metric}: ${who}`, value: hundredths(value), unit };
        if (!isCompared || who === PEER) return [own];
        return [own, { metric: "  of the peer's", value: share, unit: "%" }];
      }),
    ),
  ];
}

interface CollectorEnvironment {
  of(transport: Contender["transport"]): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** The gateway's collector, and the same behind TLS. */
async function collectorBehind({ gateway }: TestGateway): Promise<CollectorEnvironment> {
  const folder = temporaryFolder();
  const authority = createAuthority(folder, "authority");
  const certificate = createServerCertificate(folder, authority, TLS_NAME);
  const secured = await rawServer(overTls(certificate, forwardTo(gateway.controlPort)));
  const environments = {
    ndjson: { COLLECTOR_PORT: String(gateway.controlPort) },
    grpc: { COLLECTOR_PORT: String(gateway.telemetryGrpcPort), COLLECTOR_PROTOCOL: "grpc" },
    "ndjson over TLS": {
      COLLECTOR_PORT: String(secured.port),
      COLLECTOR_CA_FILE: authority.file,
      COLLECTOR_SERVER_NAME: TLS_NAME,
    },
  } as const;
  return { of: (transport) => environments[transport], close: () => secured.shut() };
}

class Racer {
  readonly contender: Contender;
  readonly #app: Server;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #startsMs: number[] = [];
  readonly #cpuMs: number[] = [];
  #probes = 0;
  #warm: Memory | undefined;
  #end: Memory | undefined;

  private constructor(
    contender: Contender,
    app: Server,
    environment: Readonly<Record<string, string>>,
  ) {
    this.contender = contender;
    this.#app = app;
    this.#environment = environment;
    app.on("request", () => (this.#probes += 1));
  }

  static async prepare(contender: Contender, collector: CollectorEnvironment): Promise<Racer> {
    const app = createServer((_, response) => response.end("ok"));
    await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
    const pidFile = path.join(temporaryFolder(), "app.pid");
    writeFileSync(pidFile, `${process.pid}\n`);
    const deploymentId = contender.name.replaceAll(/[^A-Za-z]/g, "");
    return new Racer(contender, app, {
      DEPLOYMENT_ID: deploymentId,
      REPLICA: "pod-1",
      PROBE_HOST: "127.0.0.1",
      PROBE_PORT: String((app.address() as AddressInfo).port),
      PROBE_PATH: "/",
      PROBE_INTERVAL_MS: String(INTERVAL_MS),
      PROBE_TIMEOUT_MS: "2000",
      COLLECTOR_HOST: "127.0.0.1",
      COLLECTOR_TOKEN: telemetryToken(TEST_SECRET, deploymentId),
      APP_PID_FILE: pidFile,
      ...collector.of(contender.transport),
    });
  }

  /** From the start of the program to its first connection to the app. */
  async timeStart(): Promise<void> {
    const connected = once(this.#app, "connection");
    const startedAt = performance.now();
    const child = this.#spawn();
    await connected;
    this.#startsMs.push(performance.now() - startedAt);
    await end(child);
  }

  /** Probes for as long as it takes; memory is read when warm and at the end, CPU after each round. */
  async endure(): Promise<void> {
    const child = this.#spawn();
    const pid = child.pid ?? 0;
    const done = this.#probes;
    const until_ = (probes: number) =>
      until(() => this.#probes >= done + probes, {
        everyMs: 10,
        timeoutMs: 300_000,
        what: `${probes} probes of ${this.contender.name}`,
      });
    await until_(WARM_UP_PROBES);
    this.#warm = memoryOf(pid);
    for (let round = 1; round <= ROUNDS; round++) {
      const [cpuMs, probes] = [cpuMsOf(pid), this.#probes];
      await until_(WARM_UP_PROBES + round * PROBES_PER_ROUND);
      this.#cpuMs.push((cpuMsOf(pid) - cpuMs) / (this.#probes - probes));
    }
    this.#end = memoryOf(pid);
    await end(child);
  }

  /** What was measured is worth nothing unless the samples arrived. */
  assertHeard({ gateway }: TestGateway): void {
    const [replica] = gateway.collector.replicasOf(this.#environment["DEPLOYMENT_ID"] ?? "");
    const wanted = ROUNDS * PROBES_PER_ROUND;
    if ((replica?.seq ?? 0) >= wanted && replica?.healthy === true) return;
    throw new Error(
      `the collector knows nothing of ${wanted} probes of ${this.contender.name}, but ${JSON.stringify(replica)}`,
    );
  }

  /** What was measured, in the order of METRICS. */
  figures(): readonly number[] {
    if (this.#warm === undefined || this.#end === undefined)
      throw new Error("nothing was measured");
    return [
      this.contender.bytes / 1000,
      median(this.#startsMs),
      this.#end.residentKb,
      this.#end.proportionalKb,
      this.#end.residentKb - this.#warm.residentKb,
      median(this.#cpuMs),
    ];
  }

  close(): Promise<void> {
    this.#app.closeAllConnections();
    return new Promise((resolve) => void this.#app.close(() => resolve()));
  }

  #spawn(): ChildProcess {
    const [program = "", ...args] = this.contender.argv;
    const child = spawn(program, args, { env: this.#environment, stdio: "ignore" });
    endWithTests(child);
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

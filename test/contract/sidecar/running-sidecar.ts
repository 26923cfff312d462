/** A sidecar as a process of its own, reporting to the real gateway under a deployment id of its own. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Replica } from "@bifrost/shared/domain/replica";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import type { RunningGateway } from "../../../gateway/src/gateway.ts";
import { TEST_SECRET } from "../../../gateway/src/testing/test-gateway.ts";
import { endWithTests } from "../../support/processes.ts";
import { until } from "../../support/until.ts";

export type Changes = Readonly<Record<string, string>>;

export interface RunningSidecar {
  readonly pid: number;
  readonly deploymentId: string;
  /** Everything on standard error so far. */
  readonly told: string;
  /** The exit code, or null after a signal. */
  readonly exit: Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** Closes the end that reads its standard error. */
  stopListening(): void;
  /** What the gateway's collector knows of the replica by now. */
  replica(): Replica | undefined;
  /** Waits until the collector knows a replica of which `isIt` holds. */
  known(what: string, isIt?: (replica: Replica) => boolean): Promise<Replica>;
  /** The first of its samples that did not reach the collector. */
  firstMissing(): number;
  descriptors(): number;
  residentKb(): number;
}

let started = 0;

export function startSidecar(
  argv: readonly string[],
  gateway: RunningGateway,
  changes: Changes,
): RunningSidecar {
  started += 1;
  const deploymentId = `deployment${started}`;
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      DEPLOYMENT_ID: deploymentId,
      REPLICA: "pod-1",
      PROBE_HOST: "127.0.0.1",
      PROBE_PATH: "/health",
      PROBE_INTERVAL_MS: "50",
      PROBE_TIMEOUT_MS: "1000",
      COLLECTOR_HOST: "127.0.0.1",
      COLLECTOR_PORT: String(gateway.controlPort),
      COLLECTOR_TOKEN: telemetryToken(TEST_SECRET, deploymentId),
      // Of an app that has not started yet; without it the whole machine would be taken for the pod.
      APP_PID_FILE: "/nonexistent/app.pid",
      ...changes,
    },
  });
  endWithTests(child);
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  const exit = new Promise<number | null>((resolve) => void child.once("close", resolve));
  const pid = child.pid ?? 0;
  const heard = new Set<number>();
  gateway.collector.samples.subscribe((samples) => {
    for (const sample of samples)
      if (sample.deploymentId === deploymentId) heard.add(sample.line.seq);
  });
  const replica = () => gateway.collector.replicasOf(deploymentId)[0];
  return {
    pid,
    deploymentId,
    exit,
    replica,
    get told() {
      return told;
    },
    signal: (signal) => void child.kill(signal),
    stopListening: () => void child.stderr.destroy(),
    known: (what, isIt = () => true) =>
      until(() => [replica()].find((one) => one !== undefined && isIt(one)), {
        everyMs: 10,
        what: `${what}; last known: ${JSON.stringify(replica())}; told: ${told}`,
      }),
    firstMissing: () => {
      let seq = 1;
      while (heard.has(seq)) seq += 1;
      return seq;
    },
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    residentKb: () => {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Rss: +(\d+) kB$/m.exec(rollup)?.[1]);
    },
  };
}

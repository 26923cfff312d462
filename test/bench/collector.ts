/**
 * What one collector takes: samples over both transports, and the memory of five thousand replicas, beside a store that
 * answers after 5 ms. Sidecars and collector share this process, so a collector by itself takes more.
 */
import { Agent, request } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { GrpcSidecar } from "@bifrost/gateway/testing/grpc-sidecar";
import { sampleLine } from "@bifrost/gateway/testing/sample-line";
import { type RunningCollector, startCollector } from "@bifrost/gateway/collector";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import type { BenchResult } from "./support/bench.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

export const name = "the collector";

const SECRET = "a-secret-for-the-bench";
const DEPLOYMENTS = 100;
const REPLICAS = 50;
/** Below what a deployment may send at once. */
const LINES = 30;
const ROUND_MS = 3000;

export async function run(): Promise<BenchResult> {
  const collector = await start();
  try {
    const before = heapBytes();
    for (let pod = 0; pod < REPLICAS; pod++) {
      await Promise.all(
        deployments.map((id) => post(collector, id, reportOf(id, `pod-${pod}`, 1, 1))),
      );
    }
    const kilobytes = (heapBytes() - before) / 1024 / (DEPLOYMENTS * REPLICAS);
    const http = await rate(collector, () => throughHttp(collector));
    const grpc = await rate(collector, () => throughGrpc(collector));
    const { written } = collector.collector.writes;
    return {
      rows: [
        { metric: "samples over NDJSON", value: Math.round(http), unit: "/s" },
        { metric: "samples over gRPC", value: Math.round(grpc), unit: "/s" },
        {
          metric: `memory of a replica among ${DEPLOYMENTS * REPLICAS}`,
          value: Math.round(kilobytes * 10) / 10,
          unit: "KiB",
        },
        { metric: "documents written meanwhile", value: written, unit: "" },
      ],
    };
  } finally {
    agent.destroy();
    await collector.stop(0);
  }
}

const deployments = Array.from({ length: DEPLOYMENTS }, (_, index) => `deployment${index}`);
const agent = new Agent({ keepAlive: true, maxSockets: DEPLOYMENTS });

function start(): Promise<RunningCollector> {
  let versions = 0;
  const store: ReplicaStore = {
    read: () => Promise.resolve(null),
    put: () => systemTimers.sleep(5).then(() => String(++versions)),
    remove: () => Promise.resolve(),
  };
  return startCollector({
    settings: {
      controlHost: "127.0.0.1",
      controlPort: 0,
      telemetryGrpcPort: 0,
      telemetrySecret: SECRET,
    },
    replicas: store,
    timers: systemTimers,
    log: silentLogger,
  });
}

/** Samples taken in a second while `load` goes on until the time is over. */
async function rate({ collector }: RunningCollector, load: () => Promise<void>): Promise<number> {
  const before = collector.metrics.accepted;
  const started = performance.now();
  await load();
  return ((collector.metrics.accepted - before) * 1000) / (performance.now() - started);
}

/** Every deployment reports in turn, `LINES` samples at a time, as often as it may. */
async function throughHttp(collector: RunningCollector): Promise<void> {
  const end = performance.now() + ROUND_MS;
  const one = async (id: string): Promise<void> => {
    for (let seq = 2; performance.now() < end; seq += LINES) {
      const status = await post(collector, id, reportOf(id, "pod-0", seq, LINES));
      if (status !== 204) await systemTimers.sleep(100);
    }
  };
  await Promise.all(deployments.map(one));
}

async function throughGrpc(collector: RunningCollector): Promise<void> {
  const end = performance.now() + ROUND_MS;
  const one = async (id: string): Promise<void> => {
    const sidecar = new GrpcSidecar(collector.telemetryGrpcPort);
    const stream = sidecar.report({ authorization: tokenOf(id), "bifrost-deployment": id });
    let seq = 1;
    while (performance.now() < end && !stream.isOver()) {
      for (let line = 0; line < LINES; line++) {
        stream.send(sampleLine({ deployment: id, pod: "pod-1", seq: ++seq }));
      }
      while ((stream.acks.at(-1) ?? 0) < seq && !stream.isOver()) await systemTimers.sleep(1);
    }
    sidecar.close();
  };
  await Promise.all(deployments.map(one));
}

const tokenOf = (id: string): string => `Bearer ${telemetryToken(SECRET, id)}`;

function reportOf(deployment: string, pod: string, from: number, lines: number): string {
  return Array.from({ length: lines }, (_, index) =>
    JSON.stringify(sampleLine({ deployment, pod, seq: from + index })),
  ).join("\n");
}

function post({ controlPort }: RunningCollector, id: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        agent,
        host: "127.0.0.1",
        port: controlPort,
        path: `/v1/telemetry/${id}`,
        method: "POST",
        headers: { authorization: tokenOf(id), "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
      },
    );
    call.once("error", reject);
    call.end(body);
  });
}

/** What is left when all garbage is collected. */
function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

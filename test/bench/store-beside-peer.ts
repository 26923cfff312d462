/**
 * The embedded store beside the one Firestore emulator that npm has, @firestore-emulator/server, both through Google's
 * own client over gRPC, in interleaved rounds. The peer keeps its documents in memory and knows no rules; the embedded
 * store syncs every commit to the disk and asks the rules. Transactions and listeners are not
 * compared: its transactions lose increments, and a listener that begins beside a write may never hear of it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type DocumentReference, Firestore } from "@google-cloud/firestore";
import { ROOT } from "../support/folders.ts";
import { type BenchResult, median, quantile, type Row } from "./support/bench.ts";
import { StoreUnderBench } from "./support/store-under-bench.ts";

export const name = "the embedded store beside @firestore-emulator/server";

const ROUNDS = 3;
const ROUND_MS = 1_500;
const WORKERS = 20;

interface Contender {
  readonly label: "ours" | "peer";
  readonly db: Firestore;
  stop(): Promise<void>;
}

interface Load {
  readonly metric: string;
  readonly workers: number;
  readonly operation: (document: DocumentReference, turn: number) => Promise<unknown>;
}

const LOADS: readonly Load[] = [
  { metric: "writes, 1 writer", workers: 1, operation: (document, n) => document.set({ n }) },
  {
    metric: `writes, ${WORKERS} writers`,
    workers: WORKERS,
    operation: (document, n) => document.set({ n }),
  },
  { metric: "reads, 1 reader", workers: 1, operation: (document) => document.get() },
  {
    metric: `reads, ${WORKERS} readers`,
    workers: WORKERS,
    operation: (document) => document.get(),
  },
];

export async function run(): Promise<BenchResult> {
  const contenders = [await startOurs(), await startPeer()] as const;
  try {
    const rows: Row[] = [];
    for (const load of LOADS) {
      for (const { db } of contenders) await round(db, load);
      const latencies: Record<Contender["label"], number[][]> = { ours: [], peer: [] };
      for (let turn = 0; turn < ROUNDS; turn++) {
        for (const { db, label } of contenders) latencies[label].push(await round(db, load));
      }
      rows.push(...rowsOf(load, latencies));
    }
    return { rows };
  } finally {
    await Promise.all(contenders.map((one) => one.stop()));
  }
}

/** The latencies of all operations ended when the time is over. */
async function round(db: Firestore, { workers, operation }: Load): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + ROUND_MS;
  const work = async (worker: number): Promise<void> => {
    const document = db.doc(`bench/w${worker}`);
    for (let turn = 0; performance.now() < end; turn++) {
      const started = performance.now();
      await operation(document, turn);
      latencies.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return latencies;
}

function rateOf(rounds: readonly (readonly number[])[]): number {
  return median(rounds.map(({ length }) => length / (ROUND_MS / 1000)));
}

function rowsOf(
  { metric }: Load,
  { ours, peer }: Readonly<Record<Contender["label"], readonly (readonly number[])[]>>,
): Row[] {
  return [
    { metric: `${metric}, p50 of ${ROUNDS}`, value: Math.round(rateOf(ours)), unit: "/s" },
    { metric: "  one of them, p95", value: tenths(quantile(ours.flat(), 0.95)), unit: "ms" },
    { metric: "  the peer", value: Math.round(rateOf(peer)), unit: "/s" },
    { metric: "  ratio", value: tenths(rateOf(ours) / rateOf(peer)), unit: "x" },
  ];
}

async function startOurs(): Promise<Contender> {
  const store = await StoreUnderBench.start();
  const db = clientOf(store.port, store.ownerToken);
  return {
    label: "ours",
    db,
    async stop() {
      await db.terminate();
      await store.stop();
    },
  };
}

async function startPeer(): Promise<Contender> {
  const child: ChildProcess = fork(path.join(ROOT, "test/bench/support/peer-store.ts"), {
    execArgv: ["--import", "tsx"],
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const db = clientOf(port, "owner");
  return {
    label: "peer",
    db,
    async stop() {
      await db.terminate();
      child.disconnect();
      await once(child, "exit");
    },
  };
}

function clientOf(port: number, token: string): Firestore {
  return new Firestore({
    projectId: "bifrost-local",
    host: `127.0.0.1:${port}`,
    ssl: false,
    customHeaders: { Authorization: `Bearer ${token}` },
  });
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

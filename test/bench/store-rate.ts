/**
 * How much the embedded store takes: moves judged by the real rules, plain writes and reads, each durable, over REST
 * with real ID tokens; in the same rounds on a store with ten times the documents, and on the disk itself: one line
 * appended and synced at a time, by this process.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { type BenchResult, median, quantile, type Row } from "./support/bench.ts";
import { seedDeployments, seedTeam } from "./support/deployment-documents.ts";
import { PERSON } from "./support/store-messages.ts";
import { DOCUMENTS, StoreUnderBench } from "./support/store-under-bench.ts";
import { Walker } from "./support/walker.ts";

export const name = "rates of the embedded store";

const ROUNDS = 3;
const WARM_UP_MS = 500;
const ROUND_MS = 1_500;
const MOVERS = 20;
const WALKERS_PER_MOVER = 10;
const IDLE_DEPLOYMENTS = 1_000;
const REACH_PER_SECOND = 600;

/** One operation of the writer or reader with this number. */
type Operation = (worker: number, turn: number) => Promise<void>;

interface Load {
  readonly metric: string;
  readonly workers: number;
  readonly operation: Operation;
  readonly reach?: number;
}

export async function run(): Promise<BenchResult> {
  const stores = [await StoreUnderBench.start(), await StoreUnderBench.start()] as const;
  const disk = new Disk();
  try {
    const [small, big] = stores;
    const base = [...(await loadsOf(small, IDLE_DEPLOYMENTS)), disk.load];
    const grown = await loadsOf(big, 10 * IDLE_DEPLOYMENTS);
    const loads = base.flatMap((load, index) => [load, ...(grown[index] ? [grown[index]] : [])]);
    for (const load of loads) await round(load, WARM_UP_MS);
    const latencies = await rounds(loads);
    const facts = await Promise.all(stores.map((store) => store.facts()));
    const refused = facts.reduce((sum, { deniedWrites }) => sum + deniedWrites, 0);
    return { rows: rowsOf(base, grown, latencies, refused) };
  } finally {
    disk.close();
    await Promise.all(stores.map((store) => store.stop()));
  }
}

/** The loads on a store with so many deployments that nobody moves. */
async function loadsOf(store: StoreUnderBench, idle: number): Promise<readonly Load[]> {
  await seedTeam(store);
  await seedDeployments(
    store,
    Array.from({ length: idle }, (_, index) => `idle${index}`),
  );
  const ids = Array.from({ length: MOVERS * WALKERS_PER_MOVER }, (_, index) => `walker${index}`);
  const version = await seedDeployments(store, ids);
  const walkers = ids.map((id) => new Walker(id, version));
  const move: Operation = async (worker, turn) => {
    await walkers[worker * WALKERS_PER_MOVER + (turn % WALKERS_PER_MOVER)]?.step(store);
  };
  const write: Operation = async (worker, turn) => {
    const fields = encodeFields({ turn, text: "x".repeat(100) });
    const update = { name: `${DOCUMENTS}/plain/w${worker}`, fields };
    await store.commit(store.ownerToken, [{ update }]);
  };
  const token = store.tokenOf(PERSON);
  const read: Operation = (worker, turn) =>
    store.get(token, `deployments/idle${(worker * 31 + turn) % idle}`);
  return [
    { metric: "moves under the rules, 1 writer", workers: 1, operation: move },
    {
      metric: `moves under the rules, ${MOVERS} writers`,
      workers: MOVERS,
      operation: move,
      reach: REACH_PER_SECOND,
    },
    { metric: "plain writes, 1 writer", workers: 1, operation: write },
    { metric: "plain writes, 50 writers", workers: 50, operation: write },
    { metric: "reads under the rules, 1 reader", workers: 1, operation: read },
    { metric: "reads under the rules, 20 readers", workers: 20, operation: read },
  ];
}

/** The latencies of each round. */
type Latencies = ReadonlyMap<Load, readonly (readonly number[])[]>;

/** Interleaved, so that a busy moment of the machine does not fall on one load alone. */
async function rounds(loads: readonly Load[]): Promise<Latencies> {
  const all = new Map<Load, number[][]>(loads.map((load) => [load, []]));
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (const load of loads) all.get(load)?.push(await round(load, ROUND_MS));
  }
  return all;
}

/** The latencies of all operations ended when the time is over. */
async function round({ workers, operation }: Load, lengthMs: number): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + lengthMs;
  const work = async (worker: number): Promise<void> => {
    for (let turn = 0; performance.now() < end; turn++) {
      const started = performance.now();
      await operation(worker, turn);
      latencies.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return latencies;
}

function rowsOf(
  base: readonly Load[],
  grown: readonly Load[],
  latencies: Latencies,
  refused: number,
): readonly Row[] {
  const rateOf = (load: Load | undefined): number => {
    const counts = load === undefined ? [] : (latencies.get(load) ?? []);
    return median(counts.map(({ length }) => length / (ROUND_MS / 1000)));
  };
  const floor = rateOf(base.at(-1));
  const rows = base.flatMap((load, index): Row[] => {
    const { metric, reach } = load;
    const all = (latencies.get(load) ?? []).flat();
    const rate = rateOf(load);
    const growth = grown[index] && rateOf(grown[index]) / rate;
    return [
      {
        metric: `${metric}, p50 of ${ROUNDS}`,
        value: Math.round(rate),
        unit: "/s",
        ...(reach && { reach }),
      },
      { metric: "  one of them, p50", value: hundredths(quantile(all, 0.5)), unit: "ms" },
      { metric: "  one of them, p99", value: hundredths(quantile(all, 0.99)), unit: "ms" },
      { metric: "  beside the bare disk", value: hundredths(rate / floor), unit: "x" },
      ...(growth === undefined
        ? []
        : [{ metric: "  with ten times the documents", value: hundredths(growth), unit: "x" }]),
    ];
  });
  return [...rows, { metric: "moves refused", value: refused, unit: "" }];
}

/** What one writer can get out of this disk: a line of the size of a commit, synced before the next. */
class Disk {
  readonly #folder = temporaryFolder("bf-disk-");
  readonly #file = openSync(path.join(this.#folder, "log"), "a");
  readonly #line = Buffer.alloc(500, "x");

  readonly load: Load = {
    metric: "the bare disk, one line appended and synced at a time",
    workers: 1,
    operation: () => {
      writeSync(this.#file, this.#line);
      fdatasyncSync(this.#file);
      return Promise.resolve();
    },
  };

  close(): void {
    closeSync(this.#file);
    removeFolder(this.#folder);
  }
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

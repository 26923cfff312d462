/**
 * Durable moves per second that the embedded store takes while the real rules judge each of them: 20 writers walk
 * many deployments around the lifecycle, each move by REST with the ID token of the principal that owns it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import path from "node:path";
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { transitionId } from "@bifrost/shared/domain/deployment";
import { findMove, HAPPY_PATH, type Move, type State } from "@bifrost/shared/domain/lifecycle";
import { ROOT } from "../support/folders.ts";
import { type BenchResult, median, quantile } from "./support/bench.ts";
import type { StoreFacts, StoreReady } from "./support/store-messages.ts";

export const name = "moves of the embedded store under the real rules";

const WRITERS = 20;
const DEPLOYMENTS_PER_WRITER = 10;
const ROUNDS = 3;
const WARM_UP_MS = 1_500;
const ROUND_MS = 4_000;
const REACH_PER_SECOND = 600;

/** Around the table and back: every state, the failure at the end, the retry. */
const CIRCLE: readonly State[] = [...HAPPY_PATH, "failed"];
const DOCUMENTS = "projects/bifrost-local/databases/(default)/documents";
const DIGEST = `sha256:${"a".repeat(64)}`;
const FIELDS: Readonly<Record<string, unknown>> = {
  imageDigest: DIGEST,
  manifestsHash: "b".repeat(64),
  url: "http://bench.localhost",
  failure: { code: "cancelled", message: "measured", hint: null, details: [] },
};

interface Walker {
  readonly id: string;
  at: number;
  seq: number;
  attempt: number;
  version: string;
}

export async function run(): Promise<BenchResult> {
  const child = fork(path.join(ROOT, "test/bench/support/rules-store.ts"), {
    execArgv: ["--import", "tsx"],
  });
  const [ready] = (await once(child, "message")) as [StoreReady];
  const store = new StoreClient(ready);
  try {
    const writers = await seed(store);
    await round(store, writers, WARM_UP_MS);
    const before = await factsOf(child);
    const rounds: number[][] = [];
    for (let turn = 0; turn < ROUNDS; turn++) rounds.push(await round(store, writers, ROUND_MS));
    const after = await factsOf(child);
    const all = rounds.flat();
    const rates = rounds.map((latencies) => latencies.length / (ROUND_MS / 1000));
    return {
      rows: [
        {
          metric: `moves with ${WRITERS} writers, p50 of ${ROUNDS} rounds`,
          value: Math.round(median(rates)),
          unit: "/s",
          reach: REACH_PER_SECOND,
        },
        { metric: "one move, p50", value: tenths(quantile(all, 0.5)), unit: "ms" },
        { metric: "one move, p99", value: tenths(quantile(all, 0.99)), unit: "ms" },
        {
          metric: "moves per fdatasync",
          value: tenths(all.length / (after.syncs - before.syncs)),
          unit: "",
        },
        { metric: "moves refused", value: after.deniedWrites, unit: "" },
      ],
    };
  } finally {
    store.close();
    child.disconnect();
    await once(child, "exit");
  }
}

/** Deployments at `queued` with a snapshot, written by the administrator; everything after is judged by the rules. */
async function seed(store: StoreClient): Promise<readonly (readonly Walker[])[]> {
  const writers: Walker[][] = [];
  for (let writer = 0; writer < WRITERS; writer++) {
    const ids = Array.from(
      { length: DEPLOYMENTS_PER_WRITER },
      (_, index) => `bench${writer}x${index}`,
    );
    const time = await store.commit(
      store.ownerToken,
      ids.flatMap((id) => [
        { update: { name: `${DOCUMENTS}/deployments/${id}`, fields: encodeFields(queued()) } },
        {
          update: {
            name: `${DOCUMENTS}/deployments/${id}/snapshot/config`,
            fields: encodeFields({ config: "{}", attempt: 1 }),
          },
        },
      ]),
    );
    writers.push(ids.map((id) => ({ id, at: 0, seq: 1, attempt: 1, version: time })));
  }
  return writers;
}

function queued(): Readonly<Record<string, unknown>> {
  const now = new Date();
  return {
    projectId: "bench",
    teamId: "bench",
    number: 1,
    commit: { sha: "c".repeat(40), message: "measured", author: "bench" },
    branch: "main",
    trigger: "push",
    source: { kind: "commit", rollbackOf: null },
    state: "queued",
    seq: 1,
    attempt: 1,
    stateSince: now,
    createdAt: now,
    createdBy: "bench",
    configHash: null,
    imageDigest: null,
    manifestsHash: null,
    url: null,
    failure: null,
    retiredAt: null,
  };
}

/** The latencies of all moves made until the time is over. */
async function round(
  store: StoreClient,
  writers: readonly (readonly Walker[])[],
  lengthMs: number,
): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + lengthMs;
  const write = async (walkers: readonly Walker[]): Promise<void> => {
    for (let turn = 0; performance.now() < end; turn++) {
      const walker = walkers[turn % walkers.length];
      if (walker === undefined) return;
      const started = performance.now();
      await step(store, walker);
      latencies.push(performance.now() - started);
    }
  };
  await Promise.all(writers.map(write));
  return latencies;
}

async function step(store: StoreClient, walker: Walker): Promise<void> {
  const from = CIRCLE[walker.at % CIRCLE.length] ?? "queued";
  const to = CIRCLE[(walker.at + 1) % CIRCLE.length] ?? "queued";
  const move = findMove(from, to);
  if (move === undefined) throw new Error(`the table has no move from ${from} to ${to}`);
  walker.at += 1;
  walker.seq += 1;
  if (to === "queued") walker.attempt += 1;
  walker.version = await store.commit(store.tokenOf(move.owner), writesOf(walker, move));
}

function writesOf({ id, seq, attempt, version }: Walker, move: Move): readonly object[] {
  const extra = Object.fromEntries(
    move.writes.map((field) => [field, move.to === "queued" ? null : FIELDS[field]]),
  );
  const changes = { state: move.to, seq, attempt, ...extra };
  const transition = { from: move.from, to: move.to, by: move.owner, attempt, seq };
  return [
    {
      update: { name: `${DOCUMENTS}/deployments/${id}`, fields: encodeFields(changes) },
      updateMask: { fieldPaths: Object.keys(changes) },
      updateTransforms: [{ fieldPath: "stateSince", setToServerValue: "REQUEST_TIME" }],
      currentDocument: { updateTime: version },
    },
    {
      update: {
        name: `${DOCUMENTS}/deployments/${id}/transitions/${transitionId(seq)}`,
        fields: encodeFields({ ...transition, why: null, evidence: null }),
      },
      updateTransforms: [{ fieldPath: "at", setToServerValue: "REQUEST_TIME" }],
      currentDocument: { exists: false },
    },
  ];
}

/** As little client as possible: it shares the machine with what is measured. */
class StoreClient {
  readonly ownerToken: string;
  readonly #ready: StoreReady;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: WRITERS });

  constructor(ready: StoreReady) {
    this.#ready = ready;
    this.ownerToken = ready.ownerToken;
  }

  tokenOf(service: string): string {
    return this.#ready.tokens[service] ?? "";
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Resolves with the commit's time, which is the version of what it wrote. */
  commit(token: string, writes: readonly object[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({
        agent: this.#agent,
        host: "127.0.0.1",
        port: this.#ready.port,
        method: "POST",
        path: `/v1/${DOCUMENTS}:commit`,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      });
      call.once("error", reject).once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.once("end", () => {
          if (response.statusCode === 200)
            resolve((JSON.parse(text) as { commitTime: string }).commitTime);
          else reject(new Error(`the store answered ${response.statusCode}: ${text}`));
        });
      });
      call.end(JSON.stringify({ writes }));
    });
  }
}

async function factsOf(child: ChildProcess): Promise<StoreFacts> {
  child.send("facts");
  const [facts] = (await once(child, "message")) as [StoreFacts];
  return facts;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

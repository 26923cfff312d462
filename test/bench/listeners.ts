/**
 * What listening costs the embedded store: memory for each target and for each connection, the time until every
 * listener has heard of one commit, and, through Google's own client, from a commit to the snapshot.
 */
import { EventEmitter, on } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Firestore } from "@google-cloud/firestore";
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { Browser, chromiumPath } from "../browser/chromium.ts";
import { until } from "../support/until.ts";
import { type BenchResult, median, quantile, type Row } from "./support/bench.ts";
import { seedDeployments, seedTeam } from "./support/deployment-documents.ts";
import { RawListener } from "./support/raw-listener.ts";
import { PERSON } from "./support/store-messages.ts";
import { DOCUMENTS, StoreUnderBench } from "./support/store-under-bench.ts";

export const name = "listeners of the embedded store";

const TARGETS = 10_000;
const TARGETS_PER_CONNECTION = 1_000;
const CONNECTIONS = 1_000;
const FAN_OUTS = 5;
const WARM_UP_COMMITS = 50;
const COMMITS = 300;
/** Between commits, so that each is told alone. */
const BROWSER_PAUSE_MS = 20;
const REACH_KIB_PER_TARGET = 2;

/** The documents listened to; as many as targets at most. */
const idOf = (index: number): string => `watched${index}`;
const document = (index: number): object => ({
  documents: { documents: [`${DOCUMENTS}/deployments/${idOf(index)}`] },
});
/** What the dashboard asks for: the deployments of one's team, newest first. */
const TEAM_QUERY = {
  query: {
    parent: DOCUMENTS,
    structuredQuery: {
      from: [{ collectionId: "deployments" }],
      where: {
        fieldFilter: {
          field: { fieldPath: "teamId" },
          op: "EQUAL",
          value: { stringValue: "bench" },
        },
      },
      orderBy: [{ field: { fieldPath: "createdAt" }, direction: "DESCENDING" }],
      limit: 20,
    },
  },
};

export async function run(): Promise<BenchResult> {
  const store = await StoreUnderBench.start();
  try {
    await seedTeam(store);
    await seedDeployments(
      store,
      Array.from({ length: TARGETS }, (_, index) => idOf(index)),
    );
    const many = spread(TARGETS / TARGETS_PER_CONNECTION, TARGETS_PER_CONNECTION);
    const few = spread(TARGETS / TARGETS_PER_CONNECTION, TARGETS_PER_CONNECTION / 10);
    const tenth = spread(CONNECTIONS / 10, 1);
    const alone = spread(CONNECTIONS, 1);
    return {
      rows: [
        ...(await rowsOf(store, "targets of a document each, on 10 connections", few, document)),
        ...(await rowsOf(store, "targets of a document each, on 10 connections", many, document)),
        ...(await rowsOf(store, "targets of one query, on 10 connections", many, () => TEAM_QUERY)),
        ...(await rowsOf(store, "connections with a target each", tenth, () => TEAM_QUERY)),
        ...(await rowsOf(store, "connections with a target each", alone, () => TEAM_QUERY)),
        ...(await latencyRows(store)),
        ...(await browserRows(store)),
      ],
    };
  } finally {
    await store.stop();
  }
}

/** For each connection: the numbers of its targets. */
function spread(connections: number, each: number): readonly (readonly number[])[] {
  return Array.from({ length: connections }, (_, connection) =>
    Array.from({ length: each }, (__, index) => connection * each + index),
  );
}

async function rowsOf(
  store: StoreUnderBench,
  what: string,
  connections: readonly (readonly number[])[],
  targetOf: (index: number) => object,
): Promise<readonly Row[]> {
  const total = connections.flat().length;
  const token = store.tokenOf(PERSON);
  const before = await store.facts();
  const listeners: RawListener[] = [];
  const started = performance.now();
  for (const numbers of connections) {
    const listener = new RawListener(store.port, token);
    listeners.push(listener);
    await listener.add(numbers.map(targetOf));
  }
  const addedMs = performance.now() - started;
  const after = await store.facts();
  const isShared = targetOf(0) === targetOf(1);
  const fanOuts: number[] = [];
  for (let turn = 0; turn < FAN_OUTS; turn++) {
    fanOuts.push(await fanOut(store, listeners, connections, isShared));
  }
  for (const listener of listeners) listener.close();
  const perTarget = (after.memoryBytes - before.memoryBytes) / 1024 / total;
  const label = `${total} ${what}`;
  return [
    {
      metric: `${label}: memory for each`,
      value: tenths(perTarget),
      unit: "KiB",
      ...(total === TARGETS && { reach: REACH_KIB_PER_TARGET }),
    },
    { metric: `${label}: added in`, value: Math.round(addedMs), unit: "ms" },
    {
      metric: `${label}: a commit known to ${isShared ? "all" : "each that it concerns"}, p50`,
      value: tenths(median(fanOuts)),
      unit: "ms",
    },
  ];
}

/** From the request of a commit until every listener that it concerns has been told. */
async function fanOut(
  store: StoreUnderBench,
  listeners: readonly RawListener[],
  connections: readonly (readonly number[])[],
  isShared: boolean,
): Promise<number> {
  const started = performance.now();
  // A shared query shows one document; of the others each connection is concerned by one of its own.
  const changed = isShared ? [0] : connections.map(([first]) => first ?? 0);
  const told = listeners.map((listener, index) =>
    listener.changes(isShared ? (connections[index]?.length ?? 0) : 1),
  );
  await store.commit(store.ownerToken, changed.map(touch));
  await Promise.all(told);
  return performance.now() - started;
}

/** Makes the document the newest of its team, with a field that always differs. */
function touch(index: number): object {
  const fields = encodeFields({ createdAt: new Date(), url: `http://${performance.now()}` });
  return {
    update: { name: `${DOCUMENTS}/deployments/${idOf(index)}`, fields },
    updateMask: { fieldPaths: ["createdAt", "url"] },
  };
}

async function latencyRows(store: StoreUnderBench): Promise<readonly Row[]> {
  const client = new Firestore({
    projectId: "bifrost-local",
    host: `127.0.0.1:${store.port}`,
    ssl: false,
    customHeaders: { Authorization: `Bearer ${store.tokenOf(PERSON)}` },
  });
  const watched = `deployments/${idOf(0)}`;
  const heard = new EventEmitter();
  const close = client.doc(watched).onSnapshot((snapshot) => {
    heard.emit("url", snapshot.get("url"));
  });
  const latencies: number[] = [];
  for (let turn = 0; turn < WARM_UP_COMMITS + COMMITS; turn++) {
    const url = `http://turn${turn}`;
    const shown = untilShown(heard, url);
    const started = performance.now();
    const update = { name: `${DOCUMENTS}/${watched}`, fields: encodeFields({ url }) };
    await store.commit(store.ownerToken, [{ update, updateMask: { fieldPaths: ["url"] } }]);
    await shown;
    if (turn >= WARM_UP_COMMITS) latencies.push(performance.now() - started);
  }
  close();
  await client.terminate();
  return quantileRows("from a commit's request to the snapshot of the gRPC client", latencies);
}

/** Nothing is asked of the page while it listens: it notes when it was told, and is read at the end. */
async function browserRows(store: StoreUnderBench): Promise<readonly Row[]> {
  const executable = chromiumPath();
  if (executable === undefined) {
    process.stderr.write("the browser is not measured: chromium is not installed\n");
    return [];
  }
  const browser = await Browser.start(executable);
  try {
    const tab = await browser.open({
      host: "127.0.0.1",
      port: store.port,
      projectId: "bifrost-local",
      token: store.tokenOf(PERSON),
    });
    const watched = `deployments/${idOf(0)}`;
    await tab.run("watchDocument", "bench", watched);
    await until(async () => ((await tab.watched("bench")).seen.length > 0 ? true : undefined), {
      what: "the first snapshot in the browser",
      everyMs: 20,
    });
    const sentMs: number[] = [];
    for (let turn = 0; turn < WARM_UP_COMMITS + COMMITS; turn++) {
      sentMs.push(performance.timeOrigin + performance.now());
      const update = { name: `${DOCUMENTS}/${watched}`, fields: encodeFields({ n: turn }) };
      await store.commit(store.ownerToken, [{ update, updateMask: { fieldPaths: ["n"] } }]);
      await setTimeout(BROWSER_PAUSE_MS);
    }
    const { seen } = await tab.watched("bench");
    const latencies = seen.flatMap(({ values, atMs }) => {
      const turn = Number(values[idOf(0)] ?? -1);
      return turn < WARM_UP_COMMITS ? [] : [atMs - (sentMs[turn] ?? 0)];
    });
    return [
      ...quantileRows("from a commit's request to the snapshot in the browser", latencies),
      {
        metric: "snapshots that the browser was told",
        value: latencies.length,
        unit: `of ${COMMITS}`,
      },
    ];
  } finally {
    await browser.close();
  }
}

function quantileRows(metric: string, latencies: readonly number[]): readonly Row[] {
  return [0.5, 0.95].map((share) => ({
    metric: `${metric}, p${share * 100}`,
    value: tenths(quantile(latencies, share)),
    unit: "ms",
  }));
}

async function untilShown(heard: EventEmitter, url: string): Promise<void> {
  for await (const [shown] of on(heard, "url")) if (shown === url) return;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

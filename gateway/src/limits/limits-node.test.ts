/** Whole clusters in virtual time: what is let through everywhere together, beside what one bucket would let through. */
import { expect, test } from "vitest";
import { LimitCluster, type SimulatedNode } from "./testing/limit-cluster.ts";
import { LimitLoad } from "./testing/limit-load.ts";

const SEEDS =
  process.env["BIFROST_SOAK"] === "long" ? Array.from({ length: 40 }, (_, i) => i + 1) : [1, 2];
const RATE = 1000;
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function rig(seed: number, nodes: number, options: { planesPerNode?: number; loss?: number } = {}) {
  return new LimitCluster({ seed, nodes, ...options });
}

/** The one that lends the key of the load. */
function owner(cluster: LimitCluster): SimulatedNode {
  const found = cluster.live.find(({ limits }) => limits.lentKeys > 0);
  if (found === undefined) throw new Error("nobody lends anything");
  return found;
}

const cases = SEEDS.flatMap((seed) => [
  { seed, nodes: 3, planesPerNode: 2, loss: 0 },
  { seed, nodes: 7, planesPerNode: 1, loss: 0.1 },
]);

test.each(cases)(
  "balanced: at twice the limit each second is within 4 % of it, the mean within 1 % (seed $seed, $nodes nodes, loss $loss)",
  async ({ seed, nodes, ...options }) => {
    const cluster = rig(seed, nodes, options);
    const limit = { key: "k", rate: RATE, burst: RATE, mode: "balanced" } as const;
    const load = new LimitLoad(cluster, limit, () => (2 * RATE) / nodes);
    await cluster.time.advance(12_000);
    const windows = load.windows(2000, 12_000);
    expect(Math.max(...windows)).toBeLessThanOrEqual(4);
    expect(Math.abs(mean(windows))).toBeLessThanOrEqual(1);
    expect(load.overshoot()).toBeLessThanOrEqual(0.01 * RATE);
  },
);

test.each(cases)(
  "strict: never more than one bucket gives, and nearly all of it (seed $seed, $nodes nodes, loss $loss)",
  async ({ seed, nodes, loss, planesPerNode }) => {
    const cluster = rig(seed, nodes, { loss, planesPerNode });
    const limit = { key: "k", rate: RATE, burst: RATE, mode: "strict" } as const;
    const load = new LimitLoad(cluster, limit, () => (2 * RATE) / nodes);
    await cluster.time.advance(10_000);
    expect(load.overshoot()).toBe(0);
    expect(load.passed.length).toBeGreaterThan((loss === 0 ? 0.97 : 0.92) * load.idealPassed);
    expect(load.waited).toBeLessThan(0.02 * load.arrived);
    expect(cluster.messages / nodes / 10).toBeLessThan(60);
  },
);

/**
 * Until the nodes know of each other, each gives what it has: unseen is what all ask for while a count is on its way, four
 * requests of each node and 15 ms of all, beyond what time gives meanwhile.
 */
test.each(SEEDS.flatMap((seed) => [3, 7].map((nodes) => ({ seed, nodes }))))(
  "balanced: $nodes nodes that begin with a key at one moment give a small burst once (seed $seed)",
  async ({ seed, nodes }) => {
    const cluster = rig(seed, nodes);
    const limit = { key: "k", rate: RATE, burst: RATE / 10, mode: "balanced" } as const;
    const load = new LimitLoad(cluster, limit, () => (2 * RATE) / nodes);
    await cluster.time.advance(4000);
    const unseen = 4 * nodes + 0.015 * 2 * RATE;
    expect(load.overshoot()).toBeLessThanOrEqual(unseen);
    expect(load.overshoot(1000)).toBeLessThanOrEqual(0.01 * RATE);
  },
);

test("balanced: a single caller of a single node gets the whole of a small burst at once", () => {
  const cluster = rig(1, 7);
  const spend = () => cluster.nodes[0]?.planes[0]?.spend("s", "k", 1, 100, "balanced") ?? NaN;
  for (let i = 0; i < 100; i++) expect(spend()).toBe(0);
  expect(spend()).toBeGreaterThan(0);
});

test.each(SEEDS)(
  "balanced: a page of 60 requests within a burst of 100 is let through by whatever nodes it meets (seed %i)",
  async (seed) => {
    const cluster = rig(seed, 3);
    const answers: number[] = [];
    for (let i = 0; i < 60; i++) {
      cluster.time.after(100 * cluster.random(), () => {
        const node = cluster.nodes[Math.floor(3 * cluster.random())];
        answers.push(node?.planes[0]?.spend("s", "k", 10, 100, "balanced") ?? NaN);
      });
    }
    await cluster.time.advance(500);
    expect(answers).toEqual(Array.from({ length: 60 }, () => 0));
  },
);

const shapes = [
  { shape: "even", at: (_node: number, _ms: number, nodes: number) => 1 / nodes },
  { shape: "one node has half of it", at: (node: number) => (node === 0 ? 0.5 : 0.5 / 4) },
  {
    shape: "it moves on every two seconds",
    at: (node: number, ms: number) => (Math.floor(ms / 2000) % 5 === node ? 0.84 : 0.04),
  },
];

test.each(
  shapes.flatMap((shape) => (["balanced", "strict"] as const).map((mode) => ({ ...shape, mode }))),
)("$mode: at 0.9 of the limit hardly anything is refused when $shape", async ({ at, mode }) => {
  const cluster = rig(1, 5);
  const limit = { key: "k", rate: RATE, burst: RATE, mode };
  const load = new LimitLoad(cluster, limit, (node, ms) => 0.9 * RATE * at(node, ms, 5));
  await cluster.time.advance(10_000);
  expect(load.wronglyRejected / load.arrived).toBeLessThanOrEqual(0.02);
});

interface Incident {
  readonly what: string;
  readonly happen: (cluster: LimitCluster, lender: SimulatedNode) => void;
  /** Of what the limit would give in the ten seconds after, at least so much is given. */
  readonly keeps: number;
}

const INCIDENTS: readonly Incident[] = [
  { what: "a process ends", happen: (cluster, lender) => cluster.kill(lender), keeps: 0.9 },
  { what: "a host is lost", happen: (cluster, lender) => cluster.lose(lender), keeps: 0.5 },
  { what: "a node leaves", happen: (cluster, lender) => void cluster.leave(lender), keeps: 0.9 },
  {
    what: "nodes join",
    happen(cluster) {
      for (let i = 0; i < 6; i++) cluster.time.after(300 * i, () => cluster.join(`new-${i}`));
    },
    keeps: 0.85,
  },
  {
    what: "it is restarted under the same name",
    happen(cluster, lender) {
      cluster.kill(lender);
      cluster.time.after(1000, () => cluster.join(lender.id));
    },
    keeps: 0.75,
  },
  { what: "the cluster is cut in two", happen: (cluster) => cluster.partition(2), keeps: 0.6 },
];

const incidents = INCIDENTS.flatMap((incident) =>
  SEEDS.flatMap((seed) =>
    [RATE, 0.3 * RATE].map((burst) => ({ ...incident, seed, burst, text: incident.what })),
  ),
);

test.each(incidents)(
  "strict: nothing is given twice when $text (seed $seed, burst $burst)",
  async ({ seed, burst, happen, keeps }) => {
    const cluster = rig(seed, 5);
    const limit = { key: "k", rate: RATE, burst, mode: "strict" } as const;
    const load = new LimitLoad(cluster, limit, () => (2 * RATE) / 5);
    await cluster.time.advance(4000);
    happen(cluster, owner(cluster));
    await cluster.time.advance(10_000);
    expect(load.passedBetween(4000, 14_000)).toBeGreaterThan(keeps * 10 * RATE);
    cluster.heal();
    await cluster.time.advance(3000);
    expect(load.overshoot()).toBeLessThanOrEqual(1e-6);
  },
);

test.each(SEEDS)(
  "balanced: the two sides of a partition together stay within the limit, and so does the cluster they become again (seed %i)",
  async (seed) => {
    const cluster = rig(seed, 5);
    const limit = { key: "k", rate: RATE, burst: RATE, mode: "balanced" } as const;
    const load = new LimitLoad(cluster, limit, () => (2 * RATE) / 5);
    await cluster.time.advance(4000);
    cluster.partition(2);
    await cluster.time.advance(8000);
    expect(load.passedBetween(8000, 12_000)).toBeLessThanOrEqual(4.04 * RATE);
    cluster.heal();
    await cluster.time.advance(4000);
    // Of requests at random moments, the demand of the other side is known to 3 % of the limit (one deviation of what 300 ms
    // tell), and until the cut is seen, for 3 s at most, the last estimate stands: 9 %, and twice that is hardly ever reached.
    expect(load.overshoot()).toBeLessThanOrEqual(0.18 * RATE);
    expect(load.passedBetween(14_000, 16_000)).toBeGreaterThan(1.9 * RATE);
  },
);

test("split: each node has its share and asks nobody; when one is known to be gone the others have more", async () => {
  const cluster = rig(1, 4);
  const limit = { key: "k", rate: RATE, burst: RATE, mode: "split" } as const;
  const load = new LimitLoad(cluster, limit, () => RATE);
  await cluster.time.advance(4000);
  expect(cluster.messages).toBe(0);
  expect(load.passedBetween(2000, 4000)).toBeGreaterThan(1.96 * RATE);
  const [first] = cluster.nodes;
  if (first !== undefined) cluster.kill(first);
  await cluster.time.advance(4000);
  expect(load.passedBetween(6000, 8000)).toBeGreaterThan(1.96 * RATE);
  expect(load.overshoot()).toBeLessThanOrEqual(0.02 * RATE);
});

test("a node that joins hears what was spent before, and gives nobody a fresh burst", async () => {
  const cluster = rig(1, 2);
  const limit = { key: "k", rate: 1, burst: 100 };
  const spend = (node: SimulatedNode): number =>
    node.planes[0]?.spend("s", limit.key, limit.rate, limit.burst, "balanced") ?? NaN;
  const [one] = cluster.nodes;
  if (one === undefined) throw new Error("no node");
  for (let i = 0; i < 100; i++) expect(spend(one)).toBe(0);
  await cluster.time.advance(500);
  const joined = cluster.join("node-9");
  await cluster.time.advance(200);
  // Its plane learns of the key with its first report.
  spend(joined);
  await cluster.time.advance(200);
  expect(spend(joined)).toBeGreaterThan(0);
});

test("a node that sees nobody else lends nothing before it has looked for others, and then everything", async () => {
  const cluster = rig(1, 1);
  const limit = { key: "k", rate: RATE, burst: RATE, mode: "strict" } as const;
  const load = new LimitLoad(cluster, limit, () => 2 * RATE);
  await cluster.time.advance(950);
  expect(load.passed).toEqual([]);
  await cluster.time.advance(3000);
  expect(load.overshoot()).toBe(0);
  expect(load.passedBetween(2950, 3950)).toBeGreaterThan(0.95 * RATE);
});

test("what nobody uses any more costs no message and no memory", async () => {
  const cluster = rig(1, 3);
  for (const mode of ["balanced", "strict"] as const) {
    const load = new LimitLoad(cluster, { key: mode, rate: 50, burst: 50, mode }, () => 30);
    await cluster.time.advance(2000);
    load.stop();
  }
  await cluster.time.advance(60_000);
  const { messages } = cluster;
  await cluster.time.advance(60_000);
  expect(cluster.messages).toBe(messages);
  expect(cluster.nodes.map(({ limits }) => limits.keys)).toEqual([0, 0, 0]);
});

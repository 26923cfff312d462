/**
 * Rate limits over a cluster, simulated with the real code in virtual time: 5 ms one way, as many requests as random moments
 * bring, twice the limit or 0.9 of it, fixed seeds.
 *
 * Overshoot is told in two ways. Of "any time": requests beyond the burst and what the rate gives, in that interval of the
 * whole run in which it was worst; 0 = never more than one bucket for all could let through. Of "a second": requests of each
 * whole second beyond the rate, once the burst is gone, the mean of all and the worst one. A refusal is wrong when one bucket
 * for all, asked the same at the same moments, would have let the request through.
 */
import type { LimitMode } from "@bifrost/gateway/limits/limiter";
import { PlaneLimits } from "@bifrost/gateway/limits/plane-limits";
import { LimitCluster } from "@bifrost/gateway/limits/testing/limit-cluster";
import { LimitLoad } from "@bifrost/gateway/limits/testing/limit-load";
import { systemTimers } from "@bifrost/shared/domain/time";
import { FormerBuckets } from "./support/former-buckets.ts";
import type { BenchOptions, BenchResult, Row } from "./support/bench.ts";
import { median } from "./support/bench.ts";

export const name = "limits of a cluster";

const SIZES = [
  { nodes: 3, rate: 1000 },
  { nodes: 7, rate: 1000 },
  { nodes: 10, rate: 10_000 },
];
const MODES: readonly LimitMode[] = ["strict", "balanced", "split"];
/** Until the burst is gone. */
const SETTLED_MS = 2000;
const CALLS = 200_000;
const ROUNDS = 5;
const CLIENTS = 200;

type Shape = (node: number, ms: number, nodes: number) => number;
const even: Shape = (_node, _ms, nodes) => 1 / nodes;
const SHAPES: Readonly<Record<string, Shape>> = {
  even,
  zipf: (node, _ms, nodes) => 1 / (node + 1) / harmonic(nodes),
  shifting: (node, ms, nodes) =>
    0.2 / nodes + (Math.floor(ms / SETTLED_MS) % nodes === node ? 0.8 : 0),
};

interface Scene {
  readonly nodes: number;
  readonly rate: number;
  readonly mode: LimitMode;
  readonly demand: number;
  readonly shape: Shape;
  /** Absent: what a second gives. */
  readonly burst?: number;
  readonly planesPerNode?: number;
}

interface Run {
  readonly cluster: LimitCluster;
  readonly load: LimitLoad;
}

export async function run({ isQuick }: BenchOptions): Promise<BenchResult> {
  const seconds = isQuick ? 8 : 20;
  const seeds = isQuick ? [1] : [1, 2, 3];
  const rows: Row[] = [];
  for (const mode of MODES) {
    for (const size of SIZES) rows.push(...(await steady({ ...size, mode }, seeds, seconds)));
    for (const size of SIZES) rows.push(...(await beginnings({ ...size, mode }, seeds, seconds)));
    rows.push(...(await incidents(mode, seeds)));
  }
  return { rows: [...rows, ...costs()] };
}

async function steady(
  of: Pick<Scene, "nodes" | "rate" | "mode">,
  seeds: readonly number[],
  seconds: number,
): Promise<Row[]> {
  const label = `${of.mode}, ${of.nodes} nodes, ${of.rate}/s`;
  const runs = await Promise.all(
    seeds.map((seed) => simulated({ ...of, demand: 2, shape: even }, seed, seconds * 1000)),
  );
  const windows = runs.flatMap(({ load }) => load.windows(SETTLED_MS, seconds * 1000));
  const messages = runs.map(({ cluster }) => cluster.messages / of.nodes / seconds);
  const rows: Row[] = [
    over(`${label}: over in any time`, runs, of.rate, of.mode === "strict" ? 0 : 1),
    percent(`${label}: over in a second, mean`, mean(windows), 1),
    percent(`${label}: over in a second, worst`, Math.max(...windows), 4),
    { metric: `${label}: packets of a node`, value: rounded(median(messages)), unit: "/s" },
  ];
  for (const [shape, at] of Object.entries(SHAPES)) {
    const { load } = await simulated({ ...of, demand: 0.9, shape: at }, 1, seconds * 1000);
    const wrong = (100 * load.wronglyRejected) / load.arrived;
    rows.push(percent(`${label}: wrongly refused at 0.9, ${shape}`, wrong, 2));
  }
  return rows;
}

/** A burst of a tenth of what a second gives, of which every node of one or two processes begins to give at one moment. */
async function beginnings(
  of: Pick<Scene, "nodes" | "rate" | "mode">,
  seeds: readonly number[],
  seconds: number,
): Promise<Row[]> {
  const label = `${of.mode}, ${of.nodes} nodes, ${of.rate}/s, burst ${of.rate / 10}`;
  const rows: Row[] = [];
  for (const planesPerNode of [1, 2]) {
    const scene = { ...of, demand: 2, shape: even, burst: of.rate / 10, planesPerNode };
    const runs: Run[] = [];
    for (const seed of seeds) runs.push(await simulated(scene, seed, 4000));
    const processes = planesPerNode === 1 ? "" : ", two processes each";
    rows.push(
      over(`${label}${processes}: over in any time`, runs, of.rate, of.mode === "strict" ? 0 : 4),
    );
  }
  for (const [shape, at] of Object.entries(SHAPES)) {
    const scene = { ...of, demand: 0.9, shape: at, burst: of.rate / 10 };
    const { load } = await simulated(scene, 1, seconds * 1000);
    const wrong = (100 * load.wronglyRejected) / load.arrived;
    rows.push(percent(`${label}: wrongly refused at 0.9, ${shape}`, wrong, 2));
  }
  return rows;
}

const INCIDENTS = {
  "the owner's process ends": (cluster: LimitCluster) => cluster.kill(lender(cluster)),
  "the owner's host is lost": (cluster: LimitCluster) => cluster.lose(lender(cluster)),
  "two of five are cut off": (cluster: LimitCluster) => cluster.partition(2),
};

/** Of five nodes at twice the limit; ten seconds before, eight while it lasts, four after it is healed. */
async function incidents(mode: LimitMode, seeds: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  const of = { nodes: 5, rate: 1000, mode, demand: 2, shape: even };
  for (const [what, happen] of Object.entries(INCIDENTS)) {
    const runs: Run[] = [];
    for (const seed of seeds) {
      const one = await simulated(of, seed, 10_000);
      happen(one.cluster);
      await one.cluster.time.advance(8000);
      one.cluster.heal();
      await one.cluster.time.advance(4000);
      runs.push(one);
    }
    const given = runs.map(({ load }) => load.passedBetween(10_000, 18_000) / (8 * of.rate));
    rows.push(
      over(`${mode}, ${what}: over in any time`, runs, of.rate, mode === "strict" ? 0 : 5),
      percent(`${mode}, ${what}: given of the limit in 8 s`, 100 * mean(given)),
    );
  }
  return rows;
}

async function simulated(scene: Scene, seed: number, ms: number): Promise<Run> {
  const { nodes, rate, mode, demand, shape, burst = rate, planesPerNode = 1 } = scene;
  const cluster = new LimitCluster({ seed, nodes, planesPerNode });
  const limit = { key: "key", rate, burst, mode };
  const load = new LimitLoad(cluster, limit, (node, at) => demand * rate * shape(node, at, nodes));
  await cluster.time.advance(ms);
  return { cluster, load };
}

function lender(cluster: LimitCluster) {
  const found = cluster.live.find(({ limits }) => limits.lentKeys > 0) ?? cluster.live[0];
  if (found === undefined) throw new Error("there is no node");
  return found;
}

/** One call of `spend`, beside the buckets that workers told each other of every 50 ms. */
function costs(): Row[] {
  const buckets = new FormerBuckets(systemTimers);
  const limits = new PlaneLimits(systemTimers, () => undefined);
  const busy = new PlaneLimits(systemTimers, () => undefined);
  const scope = "scope";
  const clients = Array.from({ length: CLIENTS }, (_, index) => `client-${index}`);
  const limit = { scope, rate: 1e6, burst: 1e6 };
  const elsewhere = { ...limit, spent: 0, others: 1000, share: 0.5, ahead: 0 };
  busy.hear({
    kind: "elsewhere",
    split: [],
    shared: clients.map((key) => ({
      ...elsewhere,
      key,
    })),
  });
  const rows = [
    cost("spend, balanced", (key) => limits.spend(scope, key, 1e6, 1e6, "balanced")),
    cost("spend, balanced, used elsewhere", (key) => busy.spend(scope, key, 1e6, 1e6, "balanced")),
    cost("spend, the former buckets", (key) => buckets.spend(scope, key, 1e6, 1e6)),
  ];
  limits.close();
  busy.close();
  return rows;

  function cost(metric: string, spend: (key: string) => number): Row {
    let refused = 0;
    const once = (): number => {
      const start = process.cpuUsage();
      for (let i = 0; i < CALLS; i++) if (spend(clients[i % CLIENTS] ?? "") !== 0) refused++;
      const { user, system } = process.cpuUsage(start);
      return (user + system) / CALLS;
    };
    once();
    const value = median(Array.from({ length: ROUNDS }, once));
    if (refused > 0) throw new Error(`${refused} calls were refused`);
    return { metric, value: Math.round(value * 1000) / 1000, unit: "µs" };
  }
}

function over(metric: string, runs: readonly Run[], rate: number, reach: number): Row {
  const worst = Math.max(...runs.map(({ load }) => load.overshoot()));
  return percent(metric, (100 * worst) / rate, reach);
}

function percent(metric: string, value: number, reach?: number): Row {
  const row = { metric, value: rounded(value), unit: "%" };
  return reach === undefined ? row : { ...row, reach };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function harmonic(count: number): number {
  let sum = 0;
  for (let i = 1; i <= count; i++) sum += 1 / i;
  return sum;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

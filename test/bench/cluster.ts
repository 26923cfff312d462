/**
 * The gossip cluster beside Serf (memberlist inside) as Debian has it: real processes, an address each, rounds of both
 * interleaved. "Last" is when every survivor knows. A host is lost by taking its link down, in network namespaces.
 */
import {
  type BenchOptions,
  type BenchResult,
  median,
  quantile,
  type Row,
} from "./support/bench.ts";
import { bundledBifrost, OURS } from "./support/cluster/bifrost.ts";
import type { Contender } from "./support/cluster/contender.ts";
import { lacksNamespaces, makeNetwork } from "./support/cluster/network.ts";
import { loopbackPlace, type Place } from "./support/cluster/place.ts";
import {
  broadcastOnce,
  type Cluster,
  detect,
  type Detection,
  startCluster,
  untilHealed,
} from "./support/cluster/scenario.ts";
import { serf } from "./support/cluster/serf.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMsOf, memoryOf } from "./support/process-cost.ts";

export const name = "the gossip cluster beside Serf";

interface Plan {
  readonly size: number;
  readonly rounds: number;
  /** One after another, in each round. */
  readonly kills: number;
  readonly broadcasts: number;
}

const PLANS: readonly Plan[] = [
  { size: 3, rounds: 3, kills: 1, broadcasts: 20 },
  { size: 5, rounds: 3, kills: 3, broadcasts: 20 },
  { size: 10, rounds: 3, kills: 5, broadcasts: 40 },
  { size: 25, rounds: 2, kills: 5, broadcasts: 20 },
];
const QUICK: readonly Plan[] = [{ size: 5, rounds: 1, kills: 2, broadcasts: 10 }];
const HOST_SIZES = [3, 5, 10];
const HOST_ROUNDS = 3;
const STALL_ROUNDS = 3;
const IDLE_MS = 45_000;
const CUT_MS = 60_000;
const HEAL_WATCH_MS = 90_000;
/** What the goals of the cluster are; those of the peer are what it is. */
const REACH = {
  crashMs: 250,
  hostP50Ms: 2500,
  hostMs: 7000,
  broadcastP50Ms: 25,
  broadcastMs: 60,
  healMs: 5000,
};

class Samples {
  private readonly values = new Map<string, number[]>();

  add(metric: string, value: number): void {
    this.values.set(metric, [...(this.values.get(metric) ?? []), value]);
  }

  of(metric: string): readonly number[] {
    return this.values.get(metric) ?? [];
  }
}

export async function run({ isQuick }: BenchOptions): Promise<BenchResult> {
  const contenders = [await bundledBifrost(), serf].filter((one) => {
    const missing = one.lacks();
    if (missing !== null) process.stderr.write(`${one.name} is left out: ${missing}\n`);
    return missing === null;
  });
  const rows: Row[] = [];
  for (const plan of isQuick ? QUICK : PLANS) rows.push(...(await crashes(plan, contenders)));
  rows.push(...(await stalls(contenders, isQuick)));
  rows.push(...(await idle(contenders, isQuick)));
  const missing = lacksNamespaces();
  if (missing !== null) process.stderr.write(`hosts are not lost and nothing is cut: ${missing}\n`);
  else {
    for (const size of isQuick ? [5] : HOST_SIZES)
      rows.push(...(await hosts(size, contenders, isQuick)));
    rows.push(...(await partition(contenders, isQuick)));
  }
  return { rows };
}

async function withCluster<T>(
  contender: Contender,
  places: readonly Place[],
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await startCluster(contender, places);
  try {
    return await use(cluster);
  } finally {
    await cluster.stop();
  }
}

const loopback = (size: number) => Array.from({ length: size }, (_, index) => loopbackPlace(index));

/** Join, broadcasts, then kills in a row. */
async function crashes(
  { size, rounds, kills, broadcasts }: Plan,
  contenders: readonly Contender[],
) {
  const samples = new Samples();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      await withCluster(contender, loopback(size), async ({ nodes, joinMs }) => {
        const { name: who } = contender;
        samples.add(`${who} join`, joinMs);
        await sleep(1500);
        for (let i = 0; i < broadcasts; i++) {
          const ms = await broadcastOnce(nodes, `b${round}-${i}`);
          samples.add(`${who} ${ms === null ? "lost" : "broadcast"}`, ms ?? 1);
        }
        const alive = [...nodes];
        for (let i = 0; i < kills && alive.length > 2; i++) {
          const victim = alive.splice(1 + ((round + i) % (alive.length - 1)), 1)[0];
          if (victim === undefined) continue;
          const found = await detect(alive, victim, () => victim.kill("SIGKILL"));
          samples.add(`${who} crash`, found.lastMs);
          if (i === 2) samples.add(`${who} third`, found.lastMs);
        }
      });
    }
  }
  return contenders.flatMap(({ name: who }) => crashRows(samples, who, size));
}

function crashRows(samples: Samples, who: string, size: number): readonly Row[] {
  const of = (what: string) => samples.of(`${who} ${what}`);
  const label = `${who}, N=${size}`;
  const isOurs = who === OURS;
  const reach = (value: number) => (isOurs ? { reach: value } : {});
  const third = of("third");
  return [
    inMs(`${label}: crash to the last, median`, median(of("crash"))),
    {
      ...inMs(
        `${label}: crash to the last, worst of ${of("crash").length}`,
        Math.max(...of("crash")),
      ),
      ...reach(REACH.crashMs),
    },
    ...(third.length === 0 ? [] : [inMs(`${label}: third crash in a row, median`, median(third))]),
    {
      ...inMs(`${label}: broadcast to the last, median`, median(of("broadcast"))),
      ...reach(REACH.broadcastP50Ms),
    },
    {
      ...inMs(
        `${label}: broadcast to the last, p99 of ${of("broadcast").length}`,
        quantile(of("broadcast"), 0.99),
      ),
      ...reach(REACH.broadcastMs),
    },
    {
      metric: `${label}: broadcasts that did not reach all within 8 s`,
      value: of("lost").length,
      unit: "",
      ...reach(0),
    },
    inMs(
      `${label}: join of all but the first, start of the processes included`,
      median(of("join")),
    ),
  ];
}

async function stalls(contenders: readonly Contender[], isQuick: boolean) {
  const samples = new Samples();
  for (let round = 0; round < (isQuick ? 1 : STALL_ROUNDS); round++) {
    for (const contender of contenders) {
      await withCluster(contender, loopback(10), async ({ nodes }) => {
        await sleep(1500);
        const victim = nodes[1 + round];
        if (victim === undefined) return;
        const others = nodes.filter((node) => node !== victim);
        const found = await detect(others, victim, () => victim.kill("SIGSTOP"));
        addDetection(samples, contender.name, found);
        victim.kill("SIGCONT");
      });
    }
  }
  return contenders.flatMap(({ name: who }) => [
    inMs(
      `${who}, N=10: stopped process suspected by the last, median`,
      median(samples.of(`${who} suspected`)),
    ),
    inMs(
      `${who}, N=10: stopped process dead to the last, median`,
      median(samples.of(`${who} last`)),
    ),
  ]);
}

async function idle(contenders: readonly Contender[], isQuick: boolean) {
  const rows: Row[] = [];
  let peerBytes: number | null = null;
  // The peer first: its bytes are the measure.
  for (const contender of contenders.toReversed()) {
    await withCluster(contender, loopback(10), async ({ nodes }) => {
      await sleep(5000);
      const node = nodes[5];
      if (node === undefined) return;
      const cpuBefore = cpuMsOf(node.pid);
      const idleMs = isQuick ? 25_000 : IDLE_MS;
      const { packetsPerSecond, bytesPerSecond } = await node.idleTraffic(idleMs);
      const { name: who } = contender;
      const isOurs = who === OURS;
      rows.push(
        { metric: `${who}, N=10, idle: packets sent`, value: round2(packetsPerSecond), unit: "/s" },
        {
          metric: `${who}, N=10, idle: UDP payload sent`,
          value: round2(bytesPerSecond),
          unit: "B/s",
        },
        {
          metric: `${who}, N=10, idle: CPU`,
          value: round2((cpuMsOf(node.pid) - cpuBefore) / (idleMs / 1000)),
          unit: "ms/s",
        },
        {
          metric: `${who}, N=10, idle: resident memory`,
          value: Math.round(memoryOf(node.pid).residentKb / 1024),
          unit: "MiB",
        },
      );
      if (!isOurs) peerBytes = bytesPerSecond;
      else if (peerBytes !== null) {
        rows.push({
          metric: `${who}, N=10, idle: UDP payload / the peer's`,
          value: round2(bytesPerSecond / peerBytes),
          unit: "x",
          reach: 1.1,
        });
      }
    });
  }
  return rows;
}

async function hosts(size: number, contenders: readonly Contender[], isQuick: boolean) {
  const samples = new Samples();
  for (let round = 0; round < (isQuick ? 1 : HOST_ROUNDS); round++) {
    for (const contender of contenders) {
      const network = makeNetwork(size);
      try {
        await withCluster(contender, network.places, async ({ nodes }) => {
          await sleep(2000);
          const index = 1 + (round % (size - 1));
          const victim = nodes[index];
          if (victim === undefined) return;
          const others = nodes.filter((node) => node !== victim);
          const found = await detect(others, victim, () => network.lose(index));
          addDetection(samples, contender.name, found);
        });
      } finally {
        network.remove();
      }
    }
  }
  return contenders.flatMap(({ name: who }) => {
    const isOurs = who === OURS;
    const reach = (value: number) => (isOurs ? { reach: value } : {});
    const last = samples.of(`${who} last`);
    return [
      {
        ...inMs(
          `${who}, N=${size}: lost host gets no traffic from the last, median`,
          median(samples.of(`${who} suspected`)),
        ),
        ...reach(1500),
      },
      {
        ...inMs(`${who}, N=${size}: lost host dead to the last, median`, median(last)),
        ...reach(REACH.hostP50Ms),
      },
      {
        ...inMs(
          `${who}, N=${size}: lost host dead to the last, worst of ${last.length}`,
          Math.max(...last),
        ),
        ...reach(REACH.hostMs),
      },
    ];
  });
}

/** Two of five apart for a minute. */
async function partition(contenders: readonly Contender[], isQuick: boolean) {
  const rows: Row[] = [];
  const cutMs = isQuick ? 15_000 : CUT_MS;
  for (const contender of contenders) {
    const network = makeNetwork(5);
    try {
      await withCluster(contender, network.places, async ({ nodes }) => {
        await sleep(2000);
        const since = new Map(nodes.map((node) => [node.name, node.events.length]));
        network.cut(2);
        await sleep(cutMs);
        network.heal();
        const healed = await untilHealed(nodes, since, HEAL_WATCH_MS);
        const isOurs = contender.name === OURS;
        rows.push({
          ...inMs(
            `${contender.name}, 2 | 3: whole again after ${cutMs / 1000} s apart`,
            healed ?? HEAL_WATCH_MS,
          ),
          ...(isOurs ? { reach: REACH.healMs } : {}),
        });
      });
    } finally {
      network.remove();
    }
  }
  return rows;
}

function addDetection(samples: Samples, who: string, { lastMs, suspectedMs }: Detection): void {
  samples.add(`${who} last`, lastMs);
  samples.add(`${who} suspected`, suspectedMs);
}

function inMs(metric: string, value: number): Row {
  return { metric, value: Math.round(value), unit: "ms" };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

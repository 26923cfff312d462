/** Nodes that join, tell each other something, and are killed one after another. */
import { setTimeout as sleep } from "node:timers/promises";
import { median, quantile, type Row } from "../bench.ts";
import { OURS } from "./bifrost.ts";
import type { Contender } from "./contender.ts";
import { loopbackPlaces } from "./place.ts";
import { inMs, Samples } from "./samples.ts";
import { broadcastOnce, detect, withCluster } from "./scenario.ts";

export interface Plan {
  readonly size: number;
  readonly rounds: number;
  /** One after another, in each round. */
  readonly kills: number;
  readonly broadcasts: number;
}

export const PLANS: readonly Plan[] = [
  { size: 3, rounds: 3, kills: 1, broadcasts: 20 },
  { size: 5, rounds: 3, kills: 3, broadcasts: 20 },
  { size: 10, rounds: 3, kills: 5, broadcasts: 40 },
  { size: 25, rounds: 2, kills: 5, broadcasts: 20 },
];
export const QUICK_PLANS: readonly Plan[] = [{ size: 5, rounds: 1, kills: 2, broadcasts: 10 }];
/** What the goals of the cluster are; those of the peer are what it is. */
const REACH = { crashMs: 250, broadcastP50Ms: 25, broadcastMs: 60 };

/** Join, broadcasts, then kills in a row. */
export async function crashes(
  { size, rounds, kills, broadcasts }: Plan,
  contenders: readonly Contender[],
) {
  const samples = new Samples();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      await withCluster(contender, loopbackPlaces(size), async ({ nodes, joinMs }) => {
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

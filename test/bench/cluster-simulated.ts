/**
 * Membership of the cluster in a seeded simulation, beside memberlist's rules in the same one: how soon a loss is known, who
 * is declared dead and lives, how soon news is everywhere, what an idle node sends. Times are simulated: no machine is
 * measured here.
 */
import type { Protocol } from "@bifrost/gateway/gossip/simulation/simulated-node";
import { swimProtocol } from "@bifrost/gateway/gossip/simulation/swim-protocol";
import { type BenchOptions, type BenchResult, quantile, type Row } from "./support/bench.ts";
import { behindFronts } from "./support/cluster/fronted.ts";
import {
  falseDeaths,
  formed,
  idleTraffic,
  runWithLoss,
  runWithStalls,
  untilAllKnow,
  untilHealed,
  untilLastHears,
} from "./support/cluster/measure.ts";
import { memberlistProtocol } from "./support/cluster/memberlist-rules.ts";

export const name = "the cluster in a simulation";

const HOUR_MS = 3_600_000;
/** As a bar for what must not happen. */
const NEVER = 0;

interface Sides {
  readonly ours: number;
  readonly theirs: number;
}

interface Effort {
  readonly seeds: number;
  readonly hours: number;
}

const FULL: Effort = { seeds: 100, hours: 20 };
const QUICK: Effort = { seeds: 30, hours: 1 };

export async function run({ isQuick }: BenchOptions): Promise<BenchResult> {
  const effort = isQuick ? QUICK : FULL;
  return {
    rows: [
      ...[3, 5, 10, 25].flatMap((size) => detection(effort, size)),
      ...severalLost(effort),
      ...mistakes(effort),
      ...broadcasts(effort),
      ...healing(effort),
      ...idle(),
      ...behindFronts(effort),
    ],
  };
}

function detection(effort: Effort, size: number): Row[] {
  const crash = samples(effort, (protocol, seed) => lossOf(protocol, size, seed, 1, "crash", DEAD));
  const lost = samples(effort, (protocol, seed) => lossOf(protocol, size, seed, 1, "lose", DEAD));
  const suspected = samples(effort, (protocol, seed) =>
    lossOf(protocol, size, seed, 1, "lose", ["suspect", "dead"]),
  );
  const hostReach = size > 10 ? [undefined, undefined] : [2.5, 7];
  return [
    ...timed(`crash known to all, N=${size}, p50`, crash, 0.5),
    ...timed(`crash known to all, N=${size}, p99`, crash, 0.99, 0.25),
    ...timed(`lost host suspected by all, N=${size}, p50`, suspected, 0.5, 1.5),
    ...timed(`lost host known to all, N=${size}, p50`, lost, 0.5, hostReach[0]),
    ...timed(`lost host known to all, N=${size}, p99`, lost, 0.99, hostReach[1]),
  ];
}

function severalLost(effort: Effort): Row[] {
  const two = samples(effort, (protocol, seed) => lossOf(protocol, 5, seed, 2, "lose", DEAD));
  const third = samples(effort, (protocol, seed) => thirdInARow(protocol, seed, "lose"));
  const thirdCrash = samples(effort, (protocol, seed) => thirdInARow(protocol, seed, "crash"));
  return [
    ...timed("2 of 5 hosts lost at once, p99", two, 0.99, 7),
    ...timed("third host lost in a row, N=5, p99", third, 0.99, 7),
    ...timed("third crash in a row, N=5, p99", thirdCrash, 0.99, 0.25),
  ];
}

const DEAD = ["dead"] as const;

function lossOf(
  protocol: Protocol,
  size: number,
  seed: number,
  count: number,
  how: "crash" | "lose",
  states: readonly string[],
): number {
  const cluster = formed(protocol, size, seed);
  const victims = Array.from({ length: count }, (_, i) => `bifrost-${(seed + i) % size}`);
  return untilAllKnow(cluster, victims, how, states);
}

function thirdInARow(protocol: Protocol, seed: number, how: "crash" | "lose"): number {
  const cluster = formed(protocol, 5, seed);
  for (const victim of ["bifrost-4", "bifrost-3"]) untilAllKnow(cluster, [victim], how, DEAD);
  return untilAllKnow(cluster, ["bifrost-2"], how, DEAD);
}

function mistakes(effort: Effort): Row[] {
  const { hours } = effort;
  const during = (harm: (protocol: Protocol, seed: number) => number): Sides => {
    const sides = { ours: 0, theirs: 0 };
    for (let seed = 1; seed <= hours; seed++) {
      sides.ours += harm(swimProtocol, seed);
      sides.theirs += harm(memberlistProtocol, seed);
    }
    return sides;
  };
  const stalls = during((protocol, seed) => {
    const cluster = formed(protocol, 10, seed);
    runWithStalls(cluster, HOUR_MS, seed);
    return falseDeaths(cluster);
  });
  const lossy = (loss: number): Sides =>
    during((protocol, seed) => {
      const cluster = formed(protocol, 10, seed);
      runWithLoss(cluster, HOUR_MS, loss);
      return falseDeaths(cluster);
    });
  const at20 = lossy(0.2);
  const at30 = lossy(0.3);
  return [
    ...counted(`false deaths in ${hours} h, 3 of 10 stall up to 4 s`, stalls, NEVER),
    ...counted(`false deaths in ${hours} h, 20 % of packets lost, N=10`, at20, at20.theirs / 20),
    ...counted(`false deaths in ${hours} h, 30 % of packets lost, N=10`, at30, at30.theirs / 20),
  ];
}

function broadcasts(effort: Effort): Row[] {
  const lost = { ours: 0, theirs: 0 };
  const took = samples(effort, (protocol, seed) => {
    const cluster = formed(protocol, 10, seed);
    const time = untilLastHears(cluster, `bifrost-${seed % 10}`);
    if (time === null) lost[protocol === swimProtocol ? "ours" : "theirs"]++;
    return time ?? 0;
  });
  return [
    ...timed("broadcast at the last of 10, p50", took, 0.5, 0.025, 3),
    ...timed("broadcast at the last of 10, p99", took, 0.99, 0.06, 3),
    ...counted("broadcasts that somebody never got", lost, NEVER),
  ];
}

function healing({ seeds }: Effort): Row[] {
  const never = { ours: 0, theirs: 0 };
  const ours: number[] = [];
  for (let seed = 1; seed <= Math.ceil(seeds / 4); seed++) {
    const took = untilHealed(formed(swimProtocol, 10, seed), 60_000);
    if (took === null) never.ours++;
    else ours.push(took);
    if (untilHealed(formed(memberlistProtocol, 10, seed), 60_000) === null) never.theirs++;
  }
  const p99 = rounded(quantile(ours, 0.99) / 1000, 2);
  return [
    { metric: "whole again after 60 s in two halves, N=10, p99", value: p99, unit: "s", reach: 5 },
    ...counted("clusters still split 120 s after that", never, NEVER),
  ];
}

function idle(): Row[] {
  const ours = idleTraffic(formed(swimProtocol, 10, 1));
  const theirs = idleTraffic(formed(memberlistProtocol, 10, 1));
  return [
    rate("packets an idle node sends, N=10", ours.packets, theirs.packets * 1.1),
    rate("  memberlist's rules", theirs.packets),
    // Its rules run with our encoding here; what its processes were seen to send, 80, is the bar.
    rate("bytes an idle node sends, N=10, before encryption", ours.bytes, 88),
  ];
}

function rate(metric: string, value: number, reach?: number): Row {
  const row = { metric, value: rounded(value, 1), unit: "per second" };
  return reach === undefined ? row : { ...row, reach: rounded(reach, 1) };
}

function samples(
  { seeds }: Pick<Effort, "seeds">,
  one: (protocol: Protocol, seed: number) => number,
): { readonly ours: number[]; readonly theirs: number[] } {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    ours.push(one(swimProtocol, seed));
    theirs.push(one(memberlistProtocol, seed));
  }
  return { ours, theirs };
}

function timed(
  metric: string,
  { ours, theirs }: { readonly ours: readonly number[]; readonly theirs: readonly number[] },
  share: number,
  reach?: number,
  digits = 2,
): Row[] {
  const row = (label: string, values: readonly number[]): Row => ({
    metric: label,
    value: rounded(quantile(values, share) / 1000, digits),
    unit: "s",
  });
  const own = row(metric, ours);
  return [reach === undefined ? own : { ...own, reach }, row("  memberlist's rules", theirs)];
}

function counted(metric: string, { ours, theirs }: Sides, reach: number): Row[] {
  return [
    { metric, value: ours, unit: "", reach: Math.floor(reach) },
    { metric: "  memberlist's rules", value: theirs, unit: "" },
  ];
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

/** Membership over HTTPS as on Cloud Run: 20 ms each way, and a front before each node that answers for one that is gone. */
import {
  frontedCluster,
  nameOf,
  stallNowAndThen,
  untilKnown,
} from "@bifrost/gateway/gossip/simulation/fronted";
import { falseDeaths } from "@bifrost/gateway/gossip/simulation/judge";
import { HTTPS } from "@bifrost/gateway/gossip/presets";
import { quantile, type Row } from "../bench.ts";

const HOUR_MS = 3_600_000;
const LONGEST_STALL_MS = HTTPS.suspicion.stalled.minMs;

export function behindFronts({ seeds, hours }: { seeds: number; hours: number }): Row[] {
  return [3, 10]
    .flatMap((size) => [
      timed(`HTTPS, gone instance suspected by all, N=${size}, p50`, size, SUSPECT, seeds, 0.5),
      timed(`HTTPS, gone instance known to all, N=${size}, p50`, size, DEAD, seeds, 0.5),
      timed(`HTTPS, gone instance known to all, N=${size}, p99`, size, DEAD, seeds, 0.99),
    ])
    .concat(mistakes(hours));
}

const DEAD = ["dead"];
const SUSPECT = ["suspect", "dead"];

function timed(
  metric: string,
  size: number,
  states: readonly string[],
  seeds: number,
  share: number,
): Row {
  const took = Array.from({ length: seeds }, (_, at) => {
    const seed = at + 1;
    return untilKnown(frontedCluster(size, seed), nameOf(seed % size), states) ?? Infinity;
  });
  return { metric, value: Math.round(quantile(took, share) / 10) / 100, unit: "s" };
}

function mistakes(hours: number): Row {
  let deaths = 0;
  for (let seed = 1; seed <= hours; seed++) {
    const cluster = frontedCluster(5, seed);
    stallNowAndThen(cluster, { seed, ms: HOUR_MS, mostMs: LONGEST_STALL_MS });
    deaths += falseDeaths(cluster).length;
  }
  const metric = `HTTPS, false deaths in ${hours} h, all of 5 stall up to ${LONGEST_STALL_MS / 1000} s`;
  return { metric, value: deaths, unit: "", reach: 0 };
}

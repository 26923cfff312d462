/** A change of the configuration, from when its origin's store tells it until the last of ten gateways has it. */
import { setTimeout as sleep } from "node:timers/promises";
import { median, quantile, type Row } from "../bench.ts";
import type { Contender } from "./contender.ts";
import { gossipProcess } from "./gossip-process.ts";
import { loopbackPlaces } from "./place.ts";
import { inMs, Samples } from "./samples.ts";
import { broadcastOnce, withCluster } from "./scenario.ts";

const ROUNDS = 2;
const CHANGES = 50;
const QUICK_CHANGES = 10;
const REACH_MS = 100;

/** Beside it what a peer has: an event of 100 bytes, not signed and not kept. Rounds of both are interleaved. */
export async function changes(
  peers: readonly Contender[],
  isQuick: boolean,
): Promise<readonly Row[]> {
  const rounds = isQuick ? 1 : ROUNDS;
  const each = (isQuick ? QUICK_CHANGES : CHANGES) / rounds;
  const samples = new Samples();
  const contenders = [gossipProcess, ...peers];
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      await withCluster(contender, loopbackPlaces(10), async ({ nodes }) => {
        await sleep(2000);
        for (let i = 0; i < each; i++) {
          const ms = await broadcastOnce(nodes, `c${round}-${i}`);
          samples.add(`${contender.name} ${ms === null ? "lost" : "reached"}`, ms ?? 1);
        }
      });
    }
  }
  return contenders.flatMap((contender) => rowsOf(contender, samples));
}

function rowsOf(contender: Contender, samples: Samples): readonly Row[] {
  const { name } = contender;
  const isOurs = contender === gossipProcess;
  const reach = (value: number) => (isOurs ? { reach: value } : {});
  const what = isOurs ? "change of configuration" : "user event";
  const label = `${name}, N=10: ${what}`;
  const reached = samples.of(`${name} reached`);
  return [
    inMs(`${label} at all, median`, median(reached)),
    {
      ...inMs(`${label} at all, p99 of ${reached.length}`, quantile(reached, 0.99)),
      ...reach(REACH_MS),
    },
    {
      metric: `${label} not at all within 8 s`,
      value: samples.of(`${name} lost`).length,
      unit: "",
      ...reach(0),
    },
  ];
}

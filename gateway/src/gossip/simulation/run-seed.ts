/** One seed from beginning to end: what went wrong, if anything. */
import {
  disagreements,
  falseDeaths,
  lostOrRepeatedBroadcasts,
  oversizedPackets,
  shrunkIncarnations,
} from "./judge.ts";
import {
  healEverything,
  makeScenario,
  play,
  type Scenario,
  type ScenarioKind,
} from "./scenario.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import { swimProtocol } from "./swim-protocol.ts";

/** After the last fault every view is right within this. */
export const SETTLES_WITHIN_MS = 30_000;
/** A view that is right by chance is not. */
const STAYS_RIGHT_MS = 3000;
const LOOK_EVERY_MS = 100;

export interface SeedRun {
  readonly scenario: Scenario;
  readonly cluster: SimulatedCluster;
  readonly problems: readonly string[];
}

export function runSeed(seed: number, kind: ScenarioKind): SeedRun {
  const scenario = makeScenario(seed, kind);
  const cluster = play(scenario, swimProtocol);
  const problems: string[] = kind === "calm" ? falseDeaths(cluster) : [];
  healEverything(cluster);
  let rightFor = 0;
  const isRightForLong = (): boolean => {
    rightFor = disagreements(cluster).length === 0 ? rightFor + 1 : 0;
    return rightFor > STAYS_RIGHT_MS / LOOK_EVERY_MS;
  };
  cluster.runUntil(isRightForLong, SETTLES_WITHIN_MS, LOOK_EVERY_MS);
  problems.push(...disagreements(cluster));
  problems.push(...shrunkIncarnations(cluster), ...oversizedPackets(cluster));
  if (kind === "calm") problems.push(...lostOrRepeatedBroadcasts(cluster, senders(scenario)));
  return { scenario, cluster, problems };
}

function senders({ faults }: Scenario): string[] {
  return faults.flatMap(({ fault }) => (fault.kind === "broadcast" ? [fault.node] : []));
}

/** Fault schedules made from a seed: what happens to which node, and when. */
import { nextRandom, randomInt, type RandomState, sample } from "../random.ts";
import { GOOD_NETWORK } from "./network.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import type { Protocol } from "./simulated-node.ts";

export type Fault =
  | { readonly kind: "crash" | "lose"; readonly node: string }
  /** The same name again, where it was or at another address. */
  | { readonly kind: "restart"; readonly node: string; readonly moves: boolean }
  | { readonly kind: "stall"; readonly node: string; readonly ms: number }
  | { readonly kind: "leave"; readonly node: string }
  /** `oneWay`: nothing gets from the first to the second. */
  | {
      readonly kind: "cut";
      readonly from: readonly string[];
      readonly to: readonly string[];
      readonly oneWay: boolean;
    }
  | { readonly kind: "heal" }
  | { readonly kind: "loss"; readonly share: number }
  | { readonly kind: "broadcast"; readonly node: string };

export interface Scenario {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly faults: readonly { readonly at: number; readonly fault: Fault }[];
  readonly endsAt: number;
}

/** `wild`: everything. `calm`: nothing that may cost a node its life: stalls up to 4 s, or a little loss, or pairs cut apart. */
export type ScenarioKind = "wild" | "calm";

const FORMS_MS = 3000;
export const MAX_CALM_STALL_MS = 4000;

export function makeScenario(seed: number, kind: ScenarioKind): Scenario {
  const random: RandomState = { word: seed };
  const size = 3 + randomInt(random, 4);
  const nodes = Array.from({ length: size }, (_, index) => `n${index}`);
  const faults: { at: number; fault: Fault }[] = [];
  const make = kind === "wild" ? wildFault : calmFaults(random);
  let at = FORMS_MS;
  for (let left = 2 + randomInt(random, 6); left > 0; left--) {
    at += nextRandom(random) ** 2 * 8000;
    const fault = make(random, nodes);
    if (fault !== null) faults.push({ at, fault });
  }
  return { seed, nodes, faults, endsAt: at + nextRandom(random) * 5000 };
}

function wildFault(random: RandomState, nodes: readonly string[]): Fault {
  const [node = "n0"] = sample(random, [...nodes], 1);
  switch (randomInt(random, 9)) {
    case 0:
      return { kind: "crash", node };
    case 1:
      return { kind: "lose", node };
    case 2:
    case 3:
      return { kind: "restart", node, moves: nextRandom(random) < 0.3 };
    case 4:
      return { kind: "stall", node, ms: nextRandom(random) * 12_000 };
    case 5:
      return partition(random, nodes);
    case 6:
      return { kind: "heal" };
    case 7:
      return { kind: "loss", share: nextRandom(random) * 0.4 };
    default:
      return nextRandom(random) < 0.3 ? { kind: "leave", node } : { kind: "broadcast", node };
  }
}

function partition(random: RandomState, nodes: readonly string[]): Fault {
  const mixed = sample(random, [...nodes], nodes.length);
  const from = mixed.splice(0, 1 + randomInt(random, nodes.length - 1));
  // Whole sides, or some of one from some of the other.
  const to = nextRandom(random) < 0.6 ? mixed : mixed.slice(0, 1);
  return { kind: "cut", from, to, oneWay: nextRandom(random) < 0.4 };
}

/** Of one sort for the whole run: each is harmless alone. */
function calmFaults(
  of: RandomState,
): (random: RandomState, nodes: readonly string[]) => Fault | null {
  const sort = randomInt(of, 3);
  const used = new Set<string>();
  return (random, nodes) => {
    const [node = "n0", other = "n1"] = sample(random, [...nodes], 2);
    if (nextRandom(random) < 0.3) return { kind: "broadcast", node };
    if (sort === 1) return { kind: "loss", share: nextRandom(random) * 0.1 };
    // Each node once: two stalls in a row are one long one, and two cuts may leave nobody between.
    if (used.has(node) || used.has(other)) return null;
    used.add(node);
    if (sort === 0) return { kind: "stall", node, ms: nextRandom(random) * MAX_CALM_STALL_MS };
    used.add(other);
    return { kind: "cut", from: [node], to: [other], oneWay: nextRandom(random) < 0.5 };
  };
}

/** A cluster that has formed, on clocks that differ, and has gone through all of it. */
export function play(scenario: Scenario, protocol: Protocol): SimulatedCluster {
  const cluster = new SimulatedCluster({
    seed: scenario.seed,
    protocol,
    conditions: { ...GOOD_NETWORK, duplicates: 0.05, jitterMs: 1 },
    clockSkew: 0.02,
  });
  for (const node of scenario.nodes) cluster.start(node, addressOf(node, 0), seeds(scenario));
  for (const { at, fault } of scenario.faults) {
    cluster.run(Math.max(0, at - cluster.now));
    inflict(cluster, fault, scenario);
  }
  cluster.run(Math.max(0, scenario.endsAt - cluster.now));
  return cluster;
}

/** Every fault ends but the loss of hosts and crashed processes. */
export function healEverything(cluster: SimulatedCluster): void {
  cluster.network.healAll();
  cluster.network.conditions = GOOD_NETWORK;
  const stalls = [...cluster.nodes.values()].map((node) => node.stalledUntil - cluster.now);
  cluster.run(Math.max(0, ...stalls));
}

export function addressOf(node: string, move: number): string {
  return `10.${move}.0.${node.slice(1)}:10101`;
}

function seeds(scenario: Scenario): string[] {
  return scenario.nodes.slice(0, 2).map((node) => addressOf(node, 0));
}

function inflict(cluster: SimulatedCluster, fault: Fault, scenario: Scenario): void {
  switch (fault.kind) {
    case "crash":
      if (cluster.node(fault.node).condition === "up") cluster.crash(fault.node);
      return;
    case "lose":
      return cluster.lose(fault.node);
    case "restart":
      return restart(cluster, fault, scenario);
    case "stall":
      return cluster.stall(fault.node, fault.ms);
    case "leave":
      cluster.command(fault.node, { kind: "leave" });
      cluster.run(300);
      cluster.crash(fault.node);
      return;
    case "cut":
      cluster.cut(fault.from, fault.to);
      if (!fault.oneWay) cluster.cut(fault.to, fault.from);
      return;
    case "heal":
      return cluster.network.healAll();
    case "loss":
      cluster.network.conditions = {
        ...cluster.network.conditions,
        loss: fault.share,
        streamLoss: Math.min(1, 2 * fault.share),
      };
      return;
    case "broadcast":
      cluster.command(fault.node, { kind: "broadcast", channel: 3, body: Uint8Array.of(1) });
      return;
  }
}

function restart(
  cluster: SimulatedCluster,
  { node, moves }: Extract<Fault, { kind: "restart" }>,
  scenario: Scenario,
): void {
  const former = cluster.node(node);
  if (former.condition === "up") cluster.crash(node);
  const move = Number(former.address.split(".")[1]) + (moves ? 1 : 0);
  // Discovery knows where everybody is now.
  const others = scenario.nodes.map((one) => cluster.node(one).address);
  cluster.start(node, addressOf(node, move), [...seeds(scenario), ...others]);
}

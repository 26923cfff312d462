/** Three nodes without a clock of their own: whoever explores decides what happens next, and whether the network works. */
import { MESH } from "../presets.ts";
import { nextWakeAt, step } from "../swim.ts";
import { newSwimState, type SwimEffect, type SwimEvent, type SwimState } from "../swim-state.ts";
import { cloneSwimState } from "./clone-swim-state.ts";

export interface World {
  readonly nodes: SwimState[];
  readonly isUp: boolean[];
  now: number;
  /** Processes started so far: the epoch of the next one. */
  started: number;
}

export type Action =
  /** The next thing this node means to do; all it causes arrives at once, or is lost. */
  | { readonly kind: "wake"; readonly node: number; readonly isLost: boolean }
  /** `isSeen`: the others' links break and reconnects are refused. */
  | { readonly kind: "crash"; readonly node: number; readonly isSeen: boolean }
  | { readonly kind: "restart"; readonly node: number };

const SIZE = 3;
const SEED = 7;
/** As a chain of packets could go round for ever if the core were wrong. */
const MAX_CHAIN = 10_000;

const addressOf = (node: number): string => `10.0.0.${node}:1`;

/** All three know each other and nothing is under way. */
export function formedWorld(): World {
  const nodes = Array.from({ length: SIZE }, (_, node) => newNode(node, node, 0));
  const world: World = { nodes, isUp: nodes.map(() => true), now: 0, started: SIZE };
  for (const node of nodes.keys()) {
    feed(world, node, { kind: "candidates", addresses: [addressOf(0)] }, false);
  }
  runFairly(world, 3000);
  return world;
}

export function copyOf(world: World): World {
  return { ...world, nodes: world.nodes.map(cloneSwimState), isUp: [...world.isUp] };
}

export function act(world: World, action: Action): void {
  const { node } = action;
  switch (action.kind) {
    case "wake":
      world.now = Math.max(world.now, nextWakeAt(stateOf(world, node)));
      return feed(world, node, { kind: "wake" }, action.isLost);
    case "crash":
      world.isUp[node] = false;
      for (const other of world.nodes.keys()) {
        if (action.isSeen) feed(world, other, { kind: "refused", address: addressOf(node) }, false);
      }
      return;
    case "restart":
      world.isUp[node] = true;
      world.nodes[node] = newNode(node, world.started++, world.now);
      return feed(world, node, { kind: "candidates", addresses: [0, 1, 2].map(addressOf) }, false);
  }
}

/** Everything happens when it is due and arrives. */
export function runFairly(world: World, ms: number): void {
  const end = world.now + ms;
  for (;;) {
    const due = [...world.nodes.keys()].filter((node) => world.isUp[node]);
    const wakes = due.map((node) => nextWakeAt(stateOf(world, node)));
    const at = Math.min(...wakes);
    if (at > end) break;
    world.now = Math.max(world.now, at);
    feed(world, due[wakes.indexOf(at)] ?? 0, { kind: "wake" }, false);
  }
  world.now = end;
}

function newNode(node: number, epoch: number, now: number): SwimState {
  const address = addressOf(node);
  const meta = { region: "", host: "", control: "", version: "", epoch };
  return newSwimState(
    {
      id: `n${node}`,
      address,
      meta,
      preset: MESH,
      health: { timeoutMs: 10_000, successThreshold: 3, failureThreshold: 3 },
      maxSuspicionMs: 30_000,
      deduplicationMs: 120_000,
      maxPacketBytes: 1400,
      seed: SEED + epoch,
    },
    now,
  );
}

function stateOf(world: World, node: number): SwimState {
  const state = world.nodes[node];
  if (state === undefined) throw new Error(`no node ${node}`);
  return state;
}

/** One event and all that follows from it at once. */
function feed(world: World, first: number, event: SwimEvent, isLost: boolean): void {
  const waiting = [{ node: first, event }];
  for (let steps = 0; waiting.length > 0; steps++) {
    if (steps > MAX_CHAIN) throw new Error("the nodes do not stop answering each other");
    const next = waiting.shift();
    if (next === undefined || world.isUp[next.node] !== true) continue;
    for (const effect of step(stateOf(world, next.node), next.event, world.now)) {
      waiting.push(...consequences(world, next.node, effect, isLost));
    }
  }
}

function consequences(
  world: World,
  node: number,
  effect: SwimEffect,
  isLost: boolean,
): { node: number; event: SwimEvent }[] {
  if (effect.kind === "send") {
    if (isLost) return [];
    const event = { kind: "packet", from: addressOf(node), packet: effect.packet } as const;
    return [{ node: nodeAt(effect.to), event }];
  }
  if (effect.kind === "check") {
    const isUp = world.isUp[nodeAt(effect.address)] === true;
    const result = isLost ? "unreachable" : isUp ? "answered" : "refused";
    return [{ node, event: { kind: "checked", seq: effect.seq, result } }];
  }
  if (effect.kind === "sync") {
    const server = nodeAt(effect.address);
    const { id, view } = effect;
    if (isLost || world.isUp[server] !== true) {
      return [{ node, event: { kind: "synced", id, view: null } }];
    }
    const effects = step(stateOf(world, server), { kind: "sync-request", view }, world.now);
    const more = effects.flatMap((one) => consequences(world, server, one, isLost));
    const reply = effects.find((one) => one.kind === "sync-reply")?.view ?? null;
    return [...more, { node, event: { kind: "synced", id, view: reply } }];
  }
  return [];
}

function nodeAt(address: string): number {
  return Number(address.slice("10.0.0.".length).split(":")[0]);
}

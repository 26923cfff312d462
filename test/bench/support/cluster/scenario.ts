/** What is done to a cluster, and how long it takes until every node knows. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Contender, NodeEvent, RunningNode } from "./contender.ts";
import type { Place } from "./place.ts";

/** For whatever is waited for; what takes longer is given as this. */
export const PATIENCE_MS = 60_000;
const JOIN_MS = 30_000;

export interface Cluster {
  readonly nodes: readonly RunningNode[];
  /** From the start of the processes but the first one until all saw all. */
  readonly joinMs: number;
  stop(): Promise<void>;
}

export async function startCluster(
  contender: Contender,
  places: readonly Place[],
): Promise<Cluster> {
  const nodes: RunningNode[] = [];
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    const [seed, ...rest] = places;
    if (seed === undefined) throw new Error("a cluster needs a place");
    nodes.push(await contender.start("n0", seed, null));
    const spawnedAt = performance.now();
    const others = rest.map((place, index) => contender.start(`n${index + 1}`, place, seed));
    nodes.push(...(await Promise.all(others)));
    const isFull = (node: RunningNode) => joinedOf(node).size >= nodes.length - 1;
    await untilAll(nodes, isFull, JOIN_MS, `${contender.name}: not everyone joined`);
    return { nodes, joinMs: performance.now() - spawnedAt, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function withCluster<T>(
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

/** Members other than the node itself that it has seen. */
function joinedOf(node: RunningNode): ReadonlySet<string> {
  const seen = node.events.flatMap((event) => (event.kind === "joined" ? [event.member] : []));
  return new Set(seen.filter((member) => member !== node.name));
}

export interface Detection {
  /** Until the first survivor took it for dead. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Until the last survivor suspected it or took it for dead: from then on it gets no traffic. */
  readonly suspectedMs: number;
}

/** `harm` is done to `victim` now; resolves when every survivor took it for dead. */
export async function detect(
  survivors: readonly RunningNode[],
  victim: RunningNode,
  harm: () => void,
): Promise<Detection> {
  const marks = new Map(survivors.map((node) => [node.name, node.events.length]));
  const at = performance.now();
  harm();
  const times = (kinds: readonly NodeEvent["kind"][]) =>
    survivors.map((node) => {
      const fresh = node.events.slice(marks.get(node.name));
      const found = fresh.find(
        (event) => kinds.includes(event.kind) && "member" in event && event.member === victim.name,
      );
      return found === undefined ? PATIENCE_MS : found.at - at;
    });
  const everyone = () => times(["failed"]).every((ms) => ms < PATIENCE_MS);
  await until(everyone, PATIENCE_MS).catch(() => undefined);
  const failed = times(["failed"]);
  return {
    firstMs: Math.min(...failed),
    lastMs: Math.max(...failed),
    suspectedMs: Math.max(...times(["failed", "suspected"])),
  };
}

/** Until the last other node heard it, from when its origin did; null = someone never did. */
export async function broadcastOnce(
  nodes: readonly RunningNode[],
  id: string,
  waitMs = 8000,
): Promise<number | null> {
  const [origin] = nodes;
  if (origin === undefined) return null;
  await origin.broadcast(id);
  const firsts = () =>
    nodes.map(({ events }) => events.find((event) => isOf(event, id))?.at ?? null);
  const heard = await until(() => firsts().every((at) => at !== null), waitMs).then(
    () => true,
    () => false,
  );
  if (!heard) return null;
  const times = firsts().map(Number);
  return Math.max(...times) - Math.min(...times);
}

function isOf(event: NodeEvent, id: string): boolean {
  return event.kind === "heard" && event.id === id;
}

/** Whether all see all again, as far as their events tell. */
export async function untilHealed(
  nodes: readonly RunningNode[],
  since: ReadonlyMap<string, number>,
  waitMs: number,
): Promise<number | null> {
  const at = performance.now();
  const isBack = (node: RunningNode) => {
    const lost = new Set<string>();
    for (const event of node.events.slice(since.get(node.name))) {
      if (event.kind === "failed") lost.add(event.member);
      if (event.kind === "joined") lost.delete(event.member);
    }
    return lost.size === 0;
  };
  return until(() => nodes.every(isBack), waitMs).then(
    () => performance.now() - at,
    () => null,
  );
}

async function untilAll(
  nodes: readonly RunningNode[],
  holds: (node: RunningNode) => boolean,
  waitMs: number,
  complaint: string,
): Promise<void> {
  await until(() => nodes.every(holds), waitMs).catch(() => {
    throw new Error(complaint);
  });
}

/** Looks every few milliseconds; the times that count are those of events. */
async function until(holds: () => boolean, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("too late");
    await sleep(5);
  }
}

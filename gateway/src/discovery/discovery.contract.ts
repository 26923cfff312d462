/** What every method of discovery promises, whatever it rests on. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Address } from "../gossip/member.ts";
import { keptLog, type KeptLog } from "../testing/logged.ts";
import type { Discovery } from "./discovery.ts";
import type { DiscoveryBasics } from "./parts.ts";

const WAIT = { timeout: 15_000, interval: 10 } as const;

/** A method over the real thing it rests on. */
export interface MethodRig {
  /** Where the node of this name is, once it has entered; each one has another address. */
  addressOf(name: string): Address;
  make(name: string, basics: DiscoveryBasics): Discovery | Promise<Discovery>;
  /** For methods that do not register nodes: what the operator, or the cluster, does in their place. */
  enter?(name: string): Promise<void>;
  remove?(name: string): Promise<void>;
  /** What answers the method's questions. */
  readonly backend?: { stop(): Promise<void>; start(): Promise<void> };
  /** Puts where nodes are looked for what is none. */
  rubbish(): Promise<void>;
  close(): Promise<void>;
}

export interface TestNode {
  readonly name: string;
  readonly address: Address;
  readonly discovery: Discovery;
  readonly kept: KeptLog;
  /** What it was told, oldest first. */
  readonly told: (readonly Address[])[];
  /** Resolves once exactly these are known to it. */
  knows(...names: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startNode(rig: MethodRig, name: string): Promise<TestNode> {
  await rig.enter?.(name);
  return startEntered(rig, name);
}

async function startEntered(rig: MethodRig, name: string): Promise<TestNode> {
  const kept = keptLog();
  const told: (readonly Address[])[] = [];
  const address = rig.addressOf(name);
  const basics = { timers: systemTimers, log: kept.log, random: Math.random };
  const discovery = await rig.make(name, basics);
  await discovery.start({ nodeId: name, address }, { onFound: (found) => told.push(found) });
  return {
    name,
    address,
    discovery,
    kept,
    told,
    knows: (...names) =>
      vi.waitFor(
        () => expect(told.at(-1)).toEqual(names.map((one) => rig.addressOf(one)).toSorted()),
        WAIT,
      ),
    async stop() {
      await discovery.stop();
      await rig.remove?.(name);
    },
  };
}

export interface ContractOptions {
  /** Why it cannot be tested here; null = it can. */
  readonly missing: string | null;
  /** False when the nodes ask each other: then nothing else can go away. */
  readonly hasBackend: boolean;
}

export function discoveryContract(
  method: string,
  startRig: () => Promise<MethodRig>,
  { missing, hasBackend }: ContractOptions,
): void {
  describe(`discovery by ${method}`, () => {
    let rig: MethodRig;
    const running: TestNode[] = [];
    const start = async (name: string, begin = startNode): Promise<TestNode> => {
      const node = await begin(rig, name);
      running.push(node);
      return node;
    };

    beforeEach(async (context) => {
      if (missing !== null) context.skip(missing);
      rig = await startRig();
    });

    afterEach(async () => {
      if (missing !== null) return;
      await Promise.all(running.splice(0).map((node) => node.stop()));
      await rig.close();
    });

    test("nodes find each other, and none finds itself", async () => {
      const a = await start("a");
      const b = await start("b");
      await Promise.all([a.knows("b"), b.knows("a")]);
      expect(
        [a, b].flatMap((node) => node.told.filter((set) => set.includes(node.address))),
      ).toEqual([]);
      expect([a, b].map((node) => node.discovery.problem())).toEqual([null, null]);
    });

    test("a node that comes is heard of, one that goes is forgotten", async () => {
      const a = await start("a");
      const b = await start("b");
      await a.knows("b");
      const c = await start("c");
      await Promise.all([a.knows("b", "c"), b.knows("a", "c"), c.knows("a", "b")]);
      running.splice(running.indexOf(b), 1);
      await b.stop();
      await Promise.all([a.knows("c"), c.knows("a")]);
    });

    test("after its end nothing is told any more", async () => {
      const a = await start("a");
      running.splice(running.indexOf(a), 1);
      await a.stop();
      const before = a.told.length;
      const b = await start("b");
      const c = await start("c");
      await Promise.all([b.knows("c"), c.knows("b")]);
      expect(a.told).toHaveLength(before);
    });

    test("rubbish is left out, and harms nobody", async () => {
      const a = await start("a");
      await rig.rubbish();
      const b = await start("b");
      await Promise.all([a.knows("b"), b.knows("a")]);
    });

    if (!hasBackend) return;

    test("what answers may go and come back: who is known stays, and who comes then is found", async () => {
      const backend = backendOf(rig);
      const a = await start("a");
      const b = await start("b");
      await Promise.all([a.knows("b"), b.knows("a")]);
      await backend.stop();
      await vi.waitFor(() => {
        a.discovery.refresh();
        expect(a.discovery.problem()).not.toBeNull();
      }, WAIT);
      await a.knows("b");
      await backend.start();
      const c = await start("c");
      await Promise.all([a.knows("b", "c"), c.knows("a", "b")]);
      await vi.waitFor(() => expect(a.discovery.problem()).toBeNull(), WAIT);
    });

    test("a node can stop while nothing answers", async () => {
      const backend = backendOf(rig);
      const a = await start("a");
      await backend.stop();
      await expect(a.discovery.stop()).resolves.toBeUndefined();
      await backend.start();
    });

    test("a start without what answers rejects nothing and goes on trying", async () => {
      const backend = backendOf(rig);
      for (const name of ["a", "b"]) await rig.enter?.(name);
      await backend.stop();
      const [a, b] = await Promise.all([start("a", startEntered), start("b", startEntered)]);
      expect(a.discovery.problem()).not.toBeNull();
      await backend.start();
      await Promise.all([a.knows("b"), b.knows("a")]);
      await vi.waitFor(() => expect(a.discovery.problem()).toBeNull(), WAIT);
    });
  });
}

function backendOf({ backend }: MethodRig): NonNullable<MethodRig["backend"]> {
  if (backend === undefined) throw new Error("this method has no backend");
  return backend;
}

/**
 * A cluster in virtual time: the same seed gives the same run. Faults are commands between runs; what nodes report is kept
 * for whoever judges it.
 */
import type { Address, Member, MemberMeta, NodeId } from "../member.ts";
import type { View } from "../message.ts";
import { type GossipPreset, MESH } from "../presets.ts";
import { nextRandom, randomInt, type RandomState } from "../random.ts";
import type { SwimEffect, SwimEvent } from "../swim-state.ts";
import type { CheckResult } from "../transport.ts";
import { EventHeap } from "./event-heap.ts";
import { GOOD_NETWORK, type NetworkConditions, SimulatedNetwork } from "./network.ts";
import { localTime, type Protocol, type SimulatedNode, simulationTime } from "./simulated-node.ts";

export interface ClusterOptions {
  readonly seed: number;
  readonly protocol: Protocol;
  readonly conditions?: NetworkConditions;
  readonly preset?: GossipPreset;
  /** Clocks begin anywhere and differ by up to this share in speed. */
  readonly clockSkew?: number;
  /** Before each node stands what answers in its place once it is gone, as before a service on Cloud Run. */
  readonly isFronted?: boolean;
}

export interface Change {
  readonly at: number;
  readonly observer: NodeId;
  readonly member: Member;
  readonly former: Member | null;
}

export interface Delivery {
  readonly at: number;
  readonly observer: NodeId;
  readonly from: NodeId;
  readonly body: Uint8Array;
}

/** As the kernel tears down a killed process, plus the deferred reconnect. */
const CRASH_SEEN_MS = { least: 2, most: 25 };
const ROUNDING_MS = 1e-3;
const SYNC_TIMEOUT_MS = 5000;
const THRESHOLDS = { timeoutMs: 10_000, successThreshold: 3, failureThreshold: 3 };

export class SimulatedCluster {
  readonly network: SimulatedNetwork;
  readonly nodes = new Map<NodeId, SimulatedNode>();
  readonly changes: Change[] = [];
  readonly deliveries: Delivery[] = [];
  conflicts = 0;
  now = 0;
  steps = 0;
  private readonly options: ClusterOptions;
  private readonly random: RandomState;
  private readonly heap = new EventHeap();
  private readonly byAddress = new Map<Address, SimulatedNode>();

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = { word: options.seed };
    this.network = new SimulatedNetwork(options.conditions ?? GOOD_NETWORK, {
      word: randomInt(this.random, 2 ** 32),
    });
  }

  /** Starts a process that knows these addresses. */
  start(id: NodeId, address: Address, join: readonly Address[] = []): void {
    const skew = this.options.clockSkew ?? 0;
    const former = this.nodes.get(id);
    const node: SimulatedNode = {
      id,
      address,
      condition: "up",
      process: { step: () => [], nextWakeAt: () => Infinity },
      epoch: randomInt(this.random, 2 ** 32),
      startedAt: this.now,
      stalledUntil: 0,
      inbox: [],
      links: [],
      clockOffset: former?.clockOffset ?? skew * 1e6 * nextRandom(this.random),
      clockRate: former?.clockRate ?? 1 + skew * (nextRandom(this.random) - 0.5),
      wakeAt: Infinity,
      view: new Map(),
    };
    const meta: MemberMeta = {
      region: "",
      host: address,
      control: "",
      version: "1",
      epoch: node.epoch,
    };
    node.process = this.options.protocol(
      {
        id,
        address,
        meta,
        preset: this.options.preset ?? MESH,
        health: THRESHOLDS,
        maxSuspicionMs: THRESHOLDS.timeoutMs * THRESHOLDS.failureThreshold,
        deduplicationMs: 120_000,
        maxPacketBytes: 1400,
        seed: randomInt(this.random, 2 ** 32),
      },
      localTime(node, this.now),
    );
    this.nodes.set(id, node);
    this.byAddress.set(address, node);
    this.planWake(node);
    this.tell(node, { kind: "candidates", addresses: join });
  }

  /** Its process ends; its host goes on and refuses connections to it. */
  crash(id: NodeId): void {
    const gone = this.node(id);
    gone.condition = "crashed";
    if (this.options.isFronted === true) return;
    for (const node of this.nodes.values()) {
      if (node === gone || node.condition !== "up" || !node.links.includes(gone.address)) continue;
      const { least, most } = CRASH_SEEN_MS;
      this.after(least + (most - least) * nextRandom(this.random), () => {
        if (this.network.isCut(node.address, gone.address)) return;
        const now = this.byAddress.get(gone.address);
        if (now?.condition === "lost") return;
        const kind = now?.condition === "up" ? "doubt" : "refused";
        this.tell(node, { kind, address: gone.address });
      });
    }
  }

  /** Silence, with its host. */
  lose(id: NodeId): void {
    this.node(id).condition = "lost";
  }

  /** Its process does nothing for so long; its kernel goes on. */
  stall(id: NodeId, ms: number): void {
    const node = this.node(id);
    node.stalledUntil = Math.max(node.stalledUntil, this.now + ms);
    const wakesAt = node.stalledUntil;
    this.heap.push(wakesAt, () => {
      if (node.stalledUntil === wakesAt) this.resume(node);
    });
  }

  /** Nothing gets from any of the first to any of the second; the way back stays as it is. */
  cut(from: readonly NodeId[], to: readonly NodeId[]): void {
    for (const one of from) {
      for (const other of to) this.network.cut(this.node(one).address, this.node(other).address);
    }
  }

  command(id: NodeId, event: SwimEvent): void {
    this.tell(this.node(id), event);
  }

  run(ms: number): void {
    const end = this.now + ms;
    while (this.heap.earliest <= end) {
      const next = this.heap.pop();
      if (next === undefined) break;
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** Whether it comes to be so within this time; looks every `everyMs`. */
  runUntil(isSo: () => boolean, maxMs: number, everyMs = 10): boolean {
    const end = this.now + maxMs;
    while (this.now < end) {
      if (isSo()) return true;
      this.run(Math.min(everyMs, end - this.now));
    }
    return isSo();
  }

  node(id: NodeId): SimulatedNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  private after(ms: number, run: () => void): void {
    this.heap.push(this.now + ms, run);
  }

  private resume(node: SimulatedNode): void {
    const { inbox } = node;
    node.inbox = [];
    this.tell(node, { kind: "wake" }); // timers run before sockets are read
    for (const take of inbox) take();
  }

  private tell(node: SimulatedNode, event: SwimEvent): void {
    if (node.condition !== "up") return;
    if (node.stalledUntil > this.now) {
      if (event.kind !== "wake") node.inbox.push(() => this.tell(node, event));
      return;
    }
    this.steps++;
    const effects = node.process.step(event, localTime(node, this.now));
    for (const effect of effects) this.carryOut(node, effect);
    this.planWake(node);
  }

  private planWake(node: SimulatedNode): void {
    // A little later than meant, as timers are; rounding never makes it a little earlier.
    const at = Math.max(this.now, simulationTime(node, node.process.nextWakeAt()) + ROUNDING_MS);
    if (at >= node.wakeAt && node.wakeAt > this.now) return;
    if (at === Infinity) return;
    node.wakeAt = at;
    this.heap.push(at, () => {
      if (node.wakeAt !== at) return;
      node.wakeAt = Infinity;
      this.tell(node, { kind: "wake" });
    });
  }

  private carryOut(node: SimulatedNode, effect: SwimEffect): void {
    switch (effect.kind) {
      case "send":
        return this.send(node, effect.to, effect.packet);
      case "check":
        return this.check(node, effect);
      case "sync":
        return this.sync(node, effect);
      case "link":
        node.links = effect.addresses;
        return;
      case "changed":
        return this.observe(node, effect);
      case "deliver": {
        const { from, body } = effect;
        this.deliveries.push({ at: this.now, observer: node.id, from, body });
        return;
      }
      case "conflict":
        this.conflicts++;
        return;
      case "refuted":
      case "sync-reply":
        return;
    }
  }

  private observe(
    node: SimulatedNode,
    { member, former }: { readonly member: Member; readonly former: Member | null },
  ): void {
    node.view.set(member.id, member);
    this.changes.push({ at: this.now, observer: node.id, member, former });
  }

  private send(node: SimulatedNode, to: Address, packet: Uint8Array): void {
    const from = node.address;
    for (const delay of this.network.arrivals(from, to, packet.length)) {
      this.after(delay, () => {
        const receiver = this.byAddress.get(to);
        if (receiver !== undefined) this.tell(receiver, { kind: "packet", from, packet });
      });
    }
  }

  private check(
    node: SimulatedNode,
    { seq, address, timeoutMs }: Extract<SwimEffect, { kind: "check" }>,
  ): void {
    const deadline = this.now + timeoutMs;
    const { epoch } = node;
    const finish = (at: number, result: CheckResult): void => {
      this.heap.push(at, () => {
        if (node.epoch === epoch) this.tell(node, { kind: "checked", seq, result });
      });
    };
    const target = this.byAddress.get(address);
    const isOpen = this.network.connects(node.address, address);
    if (target === undefined || target.condition === "lost" || !isOpen) {
      return finish(deadline, "unreachable");
    }
    const roundTrip = 2 * (this.network.delay() + this.network.delay());
    if (target.condition === "crashed") {
      const seenAs = this.options.isFronted === true ? "stalled" : "refused";
      return finish(this.now + roundTrip, seenAs);
    }
    const answersAt = Math.max(this.now, target.stalledUntil) + roundTrip;
    return answersAt <= deadline ? finish(answersAt, "answered") : finish(deadline, "stalled");
  }

  private sync(node: SimulatedNode, effect: Extract<SwimEffect, { kind: "sync" }>): void {
    const { id, address, view } = effect;
    const { epoch } = node;
    let isOver = false;
    const end = (answer: View | null): void => {
      if (isOver || node.epoch !== epoch) return;
      isOver = true;
      this.tell(node, { kind: "synced", id, view: answer });
    };
    const isOpen = this.network.connects(node.address, address);
    const target = this.byAddress.get(address);
    if (isOpen && target?.condition !== "lost") {
      this.after(this.network.delay() * 2, () => {
        const server = this.byAddress.get(address);
        if (server === undefined || server.condition === "crashed") return end(null);
        return this.serve(server, node.address, view, end);
      });
    }
    this.after(SYNC_TIMEOUT_MS, () => end(null));
  }

  private serve(
    server: SimulatedNode,
    client: Address,
    view: View,
    answer: (view: View) => void,
  ): void {
    if (server.condition !== "up") return;
    if (server.stalledUntil > this.now) {
      server.inbox.push(() => this.serve(server, client, view, answer));
      return;
    }
    this.steps++;
    const event = { kind: "sync-request", view } as const;
    for (const effect of server.process.step(event, localTime(server, this.now))) {
      this.carryOut(server, effect);
      if (effect.kind !== "sync-reply" || this.network.isCut(server.address, client)) continue;
      this.after(this.network.delay(), () => answer(effect.view));
    }
    this.planWake(server);
  }
}

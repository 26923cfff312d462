/**
 * Nodes with their data planes in one process and in virtual time, over a network with delay, loss, cuts and dead nodes; who
 * takes part is seen by each as a cluster's membership would tell it, some time after it is so.
 */
import type { Evidence, Member, NodeId } from "../../gossip/member.ts";
import type { Channel, ChannelHandlers, Membership } from "../../gossip/membership.ts";
import { LimitsNode } from "../limits-node.ts";
import { PlaneLimits } from "../plane-limits.ts";
import { seeded, VirtualTime } from "./virtual-time.ts";

export interface LimitClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly planesPerNode?: number;
  /** One way, in ms. */
  readonly delayMs?: number;
  /** Of packets. */
  readonly loss?: number;
}

const IPC_MS = 0.3;
/** When a process that ended is known to have: from, to. */
const REFUSED_MS = [20, 120] as const;
/** When silence is: from, to. */
const SILENT_MS = [1000, 3000] as const;
const ALIVE_MS = [20, 500] as const;
const META = { region: "", host: "", control: "", version: "", epoch: 0 };

export class LimitCluster {
  readonly time = new VirtualTime();
  readonly nodes: SimulatedNode[] = [];
  readonly random: () => number;
  messages = 0;
  private readonly options: LimitClusterOptions;
  /** Who can reach whom: nodes of the same side. */
  private sides = new Map<NodeId, number>();

  constructor(options: LimitClusterOptions) {
    this.options = options;
    this.random = seeded(options.seed);
    const ids = Array.from({ length: options.nodes }, (_, index) => `node-${index}`);
    for (const id of ids) this.nodes.push(new SimulatedNode(this, id, ids));
  }

  get delayMs(): number {
    return this.options.delayMs ?? 5;
  }

  get planesPerNode(): number {
    return this.options.planesPerNode ?? 1;
  }

  get live(): readonly SimulatedNode[] {
    return this.nodes.filter(({ isRunning }) => isRunning);
  }

  node(id: NodeId): SimulatedNode {
    const found = this.nodes.findLast((node) => node.id === id);
    if (found === undefined) throw new Error(`there is no ${id}`);
    return found;
  }

  canReach(from: SimulatedNode, to: SimulatedNode): boolean {
    const isCut = this.sides.get(from.id) !== this.sides.get(to.id);
    return from.isRunning && to.isRunning && !isCut;
  }

  isLost(): boolean {
    return this.random() < (this.options.loss ?? 0);
  }

  /** Its process is gone; the kernel of its host says so. */
  kill(node: SimulatedNode): void {
    node.isRunning = false;
    this.tellOthers(node, "suspect", "refused", REFUSED_MS);
  }

  /** Its host is gone. */
  lose(node: SimulatedNode): void {
    node.isRunning = false;
    this.tellOthers(node, "suspect", "unreachable", SILENT_MS);
  }

  async leave(node: SimulatedNode): Promise<void> {
    await node.limits.leave();
    this.tellOthers(node, "left", null, [5, 40]);
    this.time.after(50, () => (node.isRunning = false));
  }

  join(id: NodeId): SimulatedNode {
    const node = new SimulatedNode(this, id, [id, ...this.live.map((other) => other.id)]);
    this.nodes.push(node);
    this.tellOthers(node, "alive", null, [5, 60]);
    const [other] = this.live;
    if (other !== undefined) this.time.after(20, () => node.membership.exchange(other.membership));
    return node;
  }

  /** The first so many on one side, the rest on the other. */
  partition(first: number): void {
    this.sides = new Map(this.nodes.map(({ id }, index) => [id, index < first ? 0 : 1]));
    this.eachPair((at, other) => {
      if (this.canReach(at, other)) return;
      this.tell(at, other, "suspect", "unreachable", SILENT_MS);
    });
  }

  heal(): void {
    this.sides.clear();
    this.eachPair((at, other) => {
      if (!at.membership.regards(other.id)) this.tell(at, other, "alive", null, ALIVE_MS);
    });
  }

  between([from, to]: readonly [number, number]): number {
    return from + this.random() * (to - from);
  }

  private eachPair(task: (at: SimulatedNode, other: SimulatedNode) => void): void {
    for (const at of this.live) for (const other of this.live) if (at !== other) task(at, other);
  }

  private tellOthers(
    node: SimulatedNode,
    state: Member["state"],
    evidence: Evidence | null,
    range: readonly [number, number],
  ): void {
    for (const at of this.live) if (at !== node) this.tell(at, node, state, evidence, range);
  }

  private tell(
    at: SimulatedNode,
    node: SimulatedNode,
    state: Member["state"],
    evidence: Evidence | null,
    range: readonly [number, number],
  ): void {
    this.time.after(this.between(range), () => {
      // It may have come back, or have been started anew, meanwhile.
      if (state === "suspect" && this.canReach(this.node(node.id), at)) return;
      at.membership.see(node.id, state, evidence);
    });
  }
}

export class SimulatedNode {
  readonly id: NodeId;
  readonly limits: LimitsNode;
  readonly planes: readonly PlaneLimits[];
  readonly membership: SimulatedMembership;
  isRunning = true;

  constructor(cluster: LimitCluster, id: NodeId, known: readonly NodeId[]) {
    const { time, random } = cluster;
    this.id = id;
    this.membership = new SimulatedMembership(cluster, this, known);
    const planes: PlaneLimits[] = [];
    this.limits = new LimitsNode({
      timers: time,
      random,
      membership: this.membership,
      send: (plane, message) => time.after(IPC_MS, () => planes[plane]?.hear(message)),
    });
    for (let plane = 0; plane < cluster.planesPerNode; plane++) {
      planes.push(
        new PlaneLimits(time, (message) =>
          time.after(IPC_MS, () => {
            if (this.isRunning) this.limits.heard(plane, message);
          }),
        ),
      );
    }
    this.planes = planes;
  }
}

class SimulatedMembership implements Membership {
  readonly self: NodeId;
  readonly maxMessageBytes = 1200;
  private readonly cluster: LimitCluster;
  private readonly node: SimulatedNode;
  private readonly known = new Map<NodeId, Member>();
  private listener: (member: Member, former: Member | null) => void = () => undefined;
  private handlers: ChannelHandlers | null = null;

  constructor(cluster: LimitCluster, node: SimulatedNode, known: readonly NodeId[]) {
    this.cluster = cluster;
    this.node = node;
    this.self = node.id;
    for (const id of known) this.known.set(id, this.member(id, "alive", null));
  }

  members(): readonly Member[] {
    return [...this.known.values()];
  }

  onChange(listener: (member: Member, former: Member | null) => void): () => void {
    this.listener = listener;
    return () => (this.listener = () => undefined);
  }

  on(_channel: Channel, handlers: ChannelHandlers): void {
    this.handlers = handlers;
  }

  send(to: NodeId, _channel: Channel, body: Uint8Array): void {
    if (body.length > this.maxMessageBytes) throw new Error(`a packet of ${body.length} bytes`);
    const { cluster, node } = this;
    cluster.messages++;
    if (cluster.isLost()) return;
    this.deliver(to, (other) => other.handlers?.onMessage(node.id, body));
  }

  broadcast(): void {
    throw new Error("limits broadcast nothing");
  }

  async request(
    to: NodeId,
    _channel: Channel,
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const { cluster, node } = this;
    cluster.messages += 2;
    return new Promise((resolve, reject) => {
      cluster.time.after(timeoutMs, () => reject(new Error("no answer")));
      this.deliver(to, (other) => {
        const answered = other.handlers?.onRequest?.(node.id, body);
        answered?.then((answer) => other.deliver(node.id, () => resolve(answer))).catch(reject);
      });
    });
  }

  see(id: NodeId, state: Member["state"], evidence: Evidence | null): void {
    const former = this.known.get(id) ?? null;
    const member = this.member(id, state, evidence);
    this.known.set(id, member);
    if (this.node.isRunning) this.listener(member, former);
  }

  regards(id: NodeId): boolean {
    return this.known.get(id)?.state === "alive";
  }

  /** Push-pull with another one. */
  exchange(other: SimulatedMembership): void {
    this.take(other);
    other.take(this);
  }

  private take(from: SimulatedMembership): void {
    const state = from.handlers?.state?.() ?? new Uint8Array();
    if (state.length > 0) this.handlers?.onState?.(from.self, state);
  }

  private deliver(to: NodeId, take: (other: SimulatedMembership) => void): void {
    const { cluster, node } = this;
    const delay = cluster.delayMs * (0.8 + 0.4 * cluster.random());
    cluster.time.after(delay, () => {
      const other = cluster.node(to);
      if (cluster.canReach(node, other)) take(other.membership);
    });
  }

  private member(id: NodeId, state: Member["state"], evidence: Evidence | null): Member {
    const since = this.cluster.time.now();
    return { id, address: id, incarnation: 0, state, evidence, meta: META, since };
  }
}

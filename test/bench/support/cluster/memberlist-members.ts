/** What memberlist's rules make of claims: alive, suspect and dead, by incarnation; one class of suspicion. */
import { type Agenda, cancel, schedule } from "@bifrost/gateway/gossip/agenda";
import { adjustAwareness } from "@bifrost/gateway/gossip/awareness";
import { dropSubject, enqueue, newBroadcastQueue } from "@bifrost/gateway/gossip/broadcast-queue";
import { encodeMessage } from "@bifrost/gateway/gossip/codec";
import type { Member, MemberMeta } from "@bifrost/gateway/gossip/member";
import type {
  AliveClaim,
  Claim,
  DeadClaim,
  MemberRecord,
  SuspectClaim,
  View,
} from "@bifrost/gateway/gossip/message";
import { type RandomState, sample } from "@bifrost/gateway/gossip/random";
import type { SwimEffect, SwimOptions } from "@bifrost/gateway/gossip/swim-state";
import { suspicionMs, suspicionNeeds } from "./memberlist-suspicion.ts";

export interface Node {
  id: string;
  address: string;
  incarnation: number;
  state: "alive" | "suspect" | "dead";
  meta: MemberMeta;
  since: number;
  /** Confirmations beyond the first. */
  suspicion: { since: number; needed: number; readonly from: Set<string> } | null;
}

export class MemberlistMembers {
  protected readonly options: SwimOptions;
  protected readonly nodes = new Map<string, Node>();
  protected readonly agenda: Agenda = new Map();
  protected readonly queue = newBroadcastQueue();
  protected readonly random: RandomState;
  protected awareness = 0;
  protected now: number;
  protected effects: SwimEffect[] = [];
  private incarnation = 1;

  constructor(options: SwimOptions, now: number) {
    this.options = options;
    this.now = now;
    this.random = { word: options.seed };
  }

  protected adjust(by: number): void {
    this.awareness = adjustAwareness(this.awareness, by);
  }

  protected claim(claim: Claim): void {
    if (claim.kind === "left") return;
    if (claim.id === this.options.id) {
      if (claim.kind !== "alive" && claim.incarnation >= this.incarnation) this.refute(claim);
      return;
    }
    if (claim.kind === "alive") return this.alive(claim);
    const node = this.nodes.get(claim.id);
    if (node === undefined || claim.incarnation < node.incarnation) return;
    if (claim.kind === "suspect") this.suspect(node, claim);
    else if (node.state !== "dead") this.dead(node, claim);
  }

  private refute(claim: SuspectClaim | DeadClaim): void {
    this.incarnation = claim.incarnation + 1;
    this.adjust(1);
    this.spread(this.ownClaim());
  }

  private alive(claim: AliveClaim): void {
    const known = this.nodes.get(claim.id);
    if (known !== undefined && claim.incarnation <= known.incarnation) return;
    const { id, address, incarnation, meta } = claim;
    const node: Node = {
      id,
      address,
      incarnation,
      state: "alive",
      meta,
      since: this.now,
      suspicion: null,
    };
    this.nodes.set(id, node);
    cancel(this.agenda, { kind: "suspicion", id });
    this.spread(claim);
    this.report(node, known);
  }

  protected suspect(node: Node, claim: SuspectClaim): void {
    if (node.suspicion !== null) {
      const { from, needed } = node.suspicion;
      if (from.has(claim.from) || from.size - 1 >= needed) return;
      from.add(claim.from);
      this.armSuspicion(node);
      return this.spread(claim);
    }
    if (node.state !== "alive") return;
    const former = { ...node };
    node.incarnation = claim.incarnation;
    node.state = "suspect";
    node.since = this.now;
    const needed = suspicionNeeds(this.nodes.size + 1);
    node.suspicion = { since: this.now, needed, from: new Set([claim.from]) };
    this.armSuspicion(node);
    this.spread(claim);
    this.report(node, former);
  }

  private armSuspicion(node: Node): void {
    if (node.suspicion === null) return;
    const { since, needed, from } = node.suspicion;
    const timeoutMs = suspicionMs(this.nodes.size + 1, needed, from.size - 1);
    schedule(this.agenda, { kind: "suspicion", id: node.id }, since + timeoutMs);
  }

  protected suspicionOver(id: string): void {
    const node = this.nodes.get(id);
    if (node === undefined || node.state !== "suspect") return;
    const { incarnation } = node;
    const from = this.options.id;
    this.dead(node, { kind: "dead", id, incarnation, evidence: "unreachable", from });
  }

  private dead(node: Node, claim: DeadClaim): void {
    const former = { ...node };
    node.suspicion = null;
    cancel(this.agenda, { kind: "suspicion", id: node.id });
    node.incarnation = claim.incarnation;
    node.state = "dead";
    node.since = this.now;
    this.spread(claim);
    this.report(node, former);
  }

  protected merge(view: View): void {
    for (const { id, address, incarnation, meta, state } of view.members) {
      const from = view.sender;
      const claim: Claim =
        state === "alive"
          ? { kind: "alive", id, incarnation, address, meta }
          : { kind: "suspect", id, incarnation, evidence: "unreachable", from };
      this.claim(claim);
    }
  }

  protected view(): View {
    const { id, address, meta } = this.options;
    const { incarnation } = this;
    const own: MemberRecord = { id, address, incarnation, meta, state: "alive", evidence: null };
    const others = [...this.nodes.values()].map((node) => ({
      ...node,
      evidence: node.state === "alive" ? null : ("unreachable" as const),
    }));
    return { sender: id, members: [own, ...others] };
  }

  private ownClaim(): AliveClaim {
    const { id, address, meta } = this.options;
    return { kind: "alive", id, incarnation: this.incarnation, address, meta };
  }

  protected suspectClaim({ id, incarnation }: Node): SuspectClaim {
    return { kind: "suspect", id, incarnation, evidence: "unreachable", from: this.options.id };
  }

  private spread(claim: Claim): void {
    dropSubject(this.queue, claim.id);
    enqueue(this.queue, claim.id, claim.id, encodeMessage(claim));
  }

  private report(node: Node, former: Node | undefined): void {
    this.effects.push({
      kind: "changed",
      member: memberOf(node),
      former: former === undefined ? null : memberOf(former),
    });
  }

  protected pick(count: number, isWanted: (node: Node) => boolean): Node[] {
    return sample(this.random, [...this.nodes.values()].filter(isWanted), count);
  }
}

function memberOf({ id, address, incarnation, state, meta, since }: Node): Member {
  const evidence = state === "alive" ? null : "unreachable";
  return { id, address, incarnation, state, evidence, meta, since };
}

/**
 * The rules of hashicorp/memberlist with its LAN settings, for the simulation: random rounds, one probe at a time, nacks and
 * self-awareness, one class of suspicion with k = 2, dead nodes counted until they are reaped. Stands for
 * its documented behaviour at version 0.6.
 */
import { cancel, earliest, schedule, takeDue } from "@bifrost/gateway/gossip/agenda";
import { enqueue, takeBroadcasts } from "@bifrost/gateway/gossip/broadcast-queue";
import { decodePacket, encodeHeader, encodeMessage } from "@bifrost/gateway/gossip/codec";
import type { GossipMessage } from "@bifrost/gateway/gossip/message";
import { nextRandom, sample } from "@bifrost/gateway/gossip/random";
import type { Protocol, ProtocolNode } from "@bifrost/gateway/gossip/simulation/simulated-node";
import type { SwimEffect, SwimEvent, SwimOptions } from "@bifrost/gateway/gossip/swim-state";
import type { CheckResult } from "@bifrost/gateway/gossip/transport";
import { MemberlistMembers, type Node } from "./memberlist-members.ts";

const LAN = {
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  indirectChecks: 3,
  retransmitMultiplier: 4,
  gossipIntervalMs: 200,
  gossipNodes: 3,
  pushPullMs: 30_000,
  gossipToTheDeadMs: 30_000,
  packetBytes: 1400,
} as const;
/** Its nack has no message of its own in our codec: a direct one on this channel stands for it. */
const NACK_CHANNEL = 255;

interface Probe {
  readonly seq: number;
  readonly target: string;
  readonly deadline: number;
  nacksExpected: number;
  nacks: number;
  isAnswered: boolean;
}

export const memberlistProtocol: Protocol = (options, now) => new MemberlistNode(options, now);

class MemberlistNode extends MemberlistMembers implements ProtocolNode {
  private readonly relays = new Map<number, { readonly for: string; readonly seq: number }>();
  private probe: Probe | null = null;
  private ticked = false;
  private round: string[] = [];
  private readonly seen = new Set<string>();
  private seq = 0;

  constructor(options: SwimOptions, now: number) {
    super(options, now);
    const soon = (ms: number): number => now + ms * nextRandom(this.random);
    schedule(this.agenda, { kind: "probe-round" }, soon(LAN.probeIntervalMs));
    schedule(this.agenda, { kind: "gossip" }, soon(LAN.gossipIntervalMs));
    schedule(this.agenda, { kind: "push-pull" }, soon(LAN.pushPullMs));
  }

  nextWakeAt(): number {
    return earliest(this.agenda);
  }

  step(event: SwimEvent, now: number): SwimEffect[] {
    this.now = now;
    this.effects = [];
    this.handle(event);
    return this.effects;
  }

  /** It keeps no links, so nothing is refused; leaving and metadata are not measured here. */
  private handle(event: SwimEvent): void {
    if (event.kind === "wake") this.runDue();
    if (event.kind === "packet") this.read(event.from, event.packet);
    if (event.kind === "checked") this.checked(event.seq, event.result);
    if (event.kind === "synced" && event.view !== null) this.merge(event.view);
    if (event.kind === "sync-request") {
      this.merge(event.view);
      this.effects.push({ kind: "sync-reply", view: this.view() });
    }
    if (event.kind === "candidates") for (const address of event.addresses) this.sync(address);
    if (event.kind === "broadcast") this.broadcast(event.channel, event.body);
  }

  private checked(seq: number, result: CheckResult): void {
    if (result === "answered" && this.probe?.seq === seq) this.probe.isAnswered = true;
  }

  private broadcast(channel: number, body: Uint8Array): void {
    const number = ++this.seq;
    const origin = this.options.id;
    this.seen.add(`${origin}.${number}`);
    const message: GossipMessage = { kind: "broadcast", origin, epoch: 0, number, channel, body };
    enqueue(this.queue, `#${origin}.${number}`, null, encodeMessage(message));
  }

  private runDue(): void {
    for (;;) {
      const task = takeDue(this.agenda, this.now);
      if (task === null) return;
      if (task.kind === "probe-round") this.tick();
      if (task.kind === "probe-timeout") this.probeIndirectly();
      if (task.kind === "probe-verdict") this.concludeProbe();
      if (task.kind === "gossip") this.gossip();
      if (task.kind === "push-pull") this.pushPull();
      if (task.kind === "suspicion") this.suspicionOver(task.id);
      if (task.kind === "confirm") this.sendNack(Number(task.id));
    }
  }

  private tick(): void {
    schedule(this.agenda, { kind: "probe-round" }, this.now + LAN.probeIntervalMs);
    if (this.probe === null) this.startProbe();
    else this.ticked = true; // a ticker keeps one beat that nobody took
  }

  private pushPull(): void {
    schedule(this.agenda, { kind: "push-pull" }, this.now + LAN.pushPullMs);
    for (const { address } of this.pick(1, (node) => node.state === "alive")) this.sync(address);
  }

  private startProbe(): void {
    const target = this.nextInRound();
    if (target === null) return;
    const seq = ++this.seq;
    const scaledMs = LAN.probeIntervalMs * (this.awareness + 1);
    this.probe = {
      seq,
      target: target.id,
      deadline: this.now + scaledMs,
      nacksExpected: 0,
      nacks: 0,
      isAnswered: false,
    };
    const messages: GossipMessage[] = [{ kind: "ping", seq, target: target.id }];
    if (target.state === "suspect") messages.push(this.suspectClaim(target));
    this.send(target.address, messages);
    schedule(this.agenda, { kind: "probe-timeout", seq: 0 }, this.now + LAN.probeTimeoutMs);
    schedule(this.agenda, { kind: "probe-verdict", seq: 0 }, this.probe.deadline);
  }

  private nextInRound(): Node | null {
    for (let refills = 0; refills < 2; refills++) {
      for (let id = this.round.pop(); id !== undefined; id = this.round.pop()) {
        const node = this.nodes.get(id);
        if (node !== undefined && node.state !== "dead") return node;
      }
      this.reap();
      this.round = sample(this.random, [...this.nodes.keys()], this.nodes.size);
    }
    return null;
  }

  private reap(): void {
    for (const node of this.nodes.values()) {
      const isOver = this.now - node.since > LAN.gossipToTheDeadMs;
      if (node.state === "dead" && isOver) this.nodes.delete(node.id);
    }
  }

  private probeIndirectly(): void {
    const { probe } = this;
    const target = probe === null ? undefined : this.nodes.get(probe.target);
    if (probe === null || target === undefined) return;
    const helpers = this.pick(
      LAN.indirectChecks,
      (node) => node.state === "alive" && node.id !== target.id,
    );
    probe.nacksExpected = helpers.length;
    const { seq } = probe;
    const { id, address } = target;
    for (const helper of helpers) {
      this.send(helper.address, [{ kind: "ping-request", seq, target: id, address }]);
    }
    const timeoutMs = probe.deadline - this.now;
    this.effects.push({ kind: "check", seq, address: target.address, timeoutMs });
  }

  private concludeProbe(): void {
    const { probe } = this;
    if (probe === null) return;
    const node = this.nodes.get(probe.target);
    this.endProbe();
    if (probe.isAnswered) return this.adjust(-1);
    const missing = probe.nacksExpected - probe.nacks;
    this.adjust(probe.nacksExpected > 0 ? Math.max(0, missing) : 1);
    if (node !== undefined) this.suspect(node, this.suspectClaim(node));
  }

  private endProbe(): void {
    this.probe = null;
    cancel(this.agenda, { kind: "probe-timeout", seq: 0 });
    cancel(this.agenda, { kind: "probe-verdict", seq: 0 });
    if (!this.ticked) return;
    this.ticked = false;
    schedule(this.agenda, { kind: "probe-round" }, this.now);
  }

  private acked(seq: number): void {
    const relay = this.relays.get(seq);
    if (relay !== undefined) {
      this.relays.delete(seq);
      cancel(this.agenda, { kind: "confirm", id: String(seq) });
      return this.send(relay.for, [{ kind: "relayed-ack", seq: relay.seq }]);
    }
    if (this.probe?.seq !== seq) return;
    this.adjust(-1);
    this.endProbe();
  }

  private sendNack(seq: number): void {
    const relay = this.relays.get(seq);
    if (relay === undefined) return;
    this.relays.delete(seq);
    const body = Uint8Array.of(relay.seq & 0xff, (relay.seq >> 8) & 0xff, (relay.seq >> 16) & 0xff);
    this.send(relay.for, [{ kind: "direct", channel: NACK_CHANNEL, body }]);
  }

  private gossip(): void {
    schedule(this.agenda, { kind: "gossip" }, this.now + LAN.gossipIntervalMs);
    const isTold = (node: Node): boolean =>
      node.state !== "dead" || this.now - node.since < LAN.gossipToTheDeadMs;
    for (const { address } of this.pick(LAN.gossipNodes, isTold)) {
      if (this.queue.items.size === 0) return;
      this.send(address, []);
    }
  }

  private read(from: string, bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    for (const message of packet?.messages ?? []) this.take(message, from);
  }

  private take(message: GossipMessage, from: string): void {
    if (message.kind === "ping" && message.target === this.options.id) {
      this.send(from, [{ kind: "ack", seq: message.seq }]);
    }
    if (message.kind === "ack" || message.kind === "relayed-ack") this.acked(message.seq);
    if (message.kind === "ping-request") this.relay(message, from);
    if (message.kind === "direct") this.nacked(message.body);
    if (message.kind === "broadcast") this.hear(message);
    if (message.kind === "alive" || message.kind === "suspect" || message.kind === "dead") {
      this.claim(message);
    }
  }

  private relay(
    { seq: wanted, target, address }: Extract<GossipMessage, { kind: "ping-request" }>,
    from: string,
  ): void {
    const seq = ++this.seq;
    this.relays.set(seq, { for: from, seq: wanted });
    schedule(this.agenda, { kind: "confirm", id: String(seq) }, this.now + LAN.probeTimeoutMs);
    this.send(address, [{ kind: "ping", seq, target }]);
  }

  private nacked([low = 0, middle = 0, high = 0]: Uint8Array): void {
    const seq = low | (middle << 8) | (high << 16);
    if (this.probe?.seq === seq) this.probe.nacks++;
  }

  private hear(message: Extract<GossipMessage, { kind: "broadcast" }>): void {
    const name = `${message.origin}.${message.number}`;
    if (this.seen.has(name)) return;
    this.seen.add(name);
    enqueue(this.queue, `#${name}`, null, encodeMessage(message));
    const { origin, channel, body } = message;
    this.effects.push({ kind: "deliver", from: origin, channel, body });
  }

  private sync(address: string): void {
    if (address === this.options.address) return;
    this.effects.push({
      kind: "sync",
      id: ++this.seq,
      address,
      view: this.view(),
      isRoutine: true,
    });
  }

  private send(to: string, messages: readonly GossipMessage[]): void {
    const parts = [encodeHeader(this.options.id), ...messages.map(encodeMessage)];
    const used = parts.reduce((sum, part) => sum + part.length, 0);
    const limit = LAN.retransmitMultiplier * Math.ceil(Math.log10(this.nodes.size + 2));
    parts.push(...takeBroadcasts(this.queue, LAN.packetBytes - used, limit));
    this.effects.push({ kind: "send", to, packet: Buffer.concat(parts) });
  }
}

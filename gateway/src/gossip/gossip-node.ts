/** A node of the cluster: binds the membership core to a transport, a clock and a log. */
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timer } from "@bifrost/shared/domain/time";
import { ChannelDesk } from "./channel-desk.ts";
import { maxBodyBytes } from "./dissemination.ts";
import type { Address, Member, MemberMeta, NodeId } from "./member.ts";
import { addressOf, memberOf, ownMember, peersAt } from "./member-list.ts";
import { type Channel, type ChannelHandlers, CHANNELS, type Membership } from "./membership.ts";
import {
  checkId,
  checkMeta,
  DEFAULT_DEDUPLICATION_MS,
  DEFAULT_HEALTH,
  type GossipNodeOptions,
} from "./node-options.ts";
import { logMemberChange } from "./member-log.ts";
import { News } from "./news.ts";
import { MESH } from "./presets.ts";
import { withRider } from "./riders.ts";
import { lossOf, type PeerHealth } from "./round-trip.ts";
import { decodeStream, encodeChannelRequest, encodeSync } from "./stream-codec.ts";
import { nextWakeAt, step } from "./swim.ts";
import {
  newSwimState,
  type SwimCounters,
  type SwimEffect,
  type SwimEvent,
  type SwimState,
} from "./swim-state.ts";

/** What this node measured of the way to another. */
export interface PeerLink {
  readonly nodeId: NodeId;
  /** null = not measured yet. */
  readonly roundTripMs: number | null;
  /** 0 to 1, over the last 20 probes. */
  readonly loss: number;
}

/** For push-pull, whose body can be megabytes. */
const SYNC_TIMEOUT_MS = 5000;
const REMEDY = "Give each node a node_id of its own; after a crash this one takes over by itself.";
/** No timer is set for longer: clocks that were put right are noticed within it. */
const MAX_WAIT_MS = 60_000;

export class GossipNode implements Membership {
  readonly self: NodeId;
  readonly maxMessageBytes: number;
  private readonly options: GossipNodeOptions;
  private readonly uptime: () => number;
  private readonly desk: ChannelDesk;
  private readonly news: News;
  private readonly listeners = new Set<(member: Member, former: Member | null) => void>();
  /** null until it was started, and after it stopped. */
  private state: SwimState | null = null;
  private timer: Timer | null = null;
  private timerAt = Infinity;
  private hasLoggedJoin = false;
  private startedAt = 0;

  constructor(options: GossipNodeOptions) {
    checkId(options.id);
    checkMeta(options.meta);
    this.options = options;
    this.self = options.id;
    this.uptime = options.uptime ?? (() => options.timers.now());
    this.news = new News(this.uptime);
    this.maxMessageBytes = maxBodyBytes(options.transport.maxPacketBytes, options.id.length);
    this.desk = new ChannelDesk(options.log);
  }

  /** Listens and takes part; alone until `join`, or until another node finds it. Rejects when it cannot listen. */
  async start(): Promise<void> {
    const { transport, meta, preset, seed, deduplicationMs } = this.options;
    const health = this.options.health ?? DEFAULT_HEALTH;
    await transport.start({
      onPacket: (from, packet) => this.step({ kind: "packet", from, packet }),
      onRefused: (address) => this.step({ kind: "refused", address }),
      onDoubt: (address) => this.step({ kind: "doubt", address }),
      onRequest: (from, body) => this.answer(from, body),
    });
    this.startedAt = this.options.timers.now();
    this.state = newSwimState(
      {
        id: this.self,
        address: transport.localAddress,
        meta,
        preset: preset ?? MESH,
        health,
        maxSuspicionMs: health.timeoutMs * health.failureThreshold,
        deduplicationMs: deduplicationMs ?? DEFAULT_DEDUPLICATION_MS,
        maxPacketBytes: transport.maxPacketBytes,
        seed,
      },
      this.uptime(),
    );
    this.setTimer();
  }

  /** All addresses at which nodes may be, in place of those named before; each is tried until it is a member's. */
  join(addresses: readonly Address[]): void {
    this.step({ kind: "candidates", addresses });
  }

  /** Says goodbye, gives it `graceMs` to spread, and stops. */
  async leave(graceMs: number): Promise<void> {
    this.step({ kind: "leave" });
    await this.options.timers.sleep(graceMs);
    await this.stop();
  }

  /** Without a goodbye: the others will find out. */
  async stop(): Promise<void> {
    this.timer?.cancel();
    this.state = null;
    await this.options.transport.stop();
  }

  /** Told to everyone with a new incarnation. */
  setMeta(meta: MemberMeta): void {
    checkMeta(meta);
    this.step({ kind: "set-meta", meta });
  }

  members(): readonly Member[] {
    if (this.state === null) return [];
    const others = [...this.state.peers.values()].map((peer) => this.dated(memberOf(peer)));
    return [this.dated(ownMember(this.state)), ...others];
  }

  onChange(listener: (member: Member, former: Member | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  on(channel: Channel, handlers: ChannelHandlers): void {
    this.desk.open(CHANNELS[channel], handlers);
  }

  send(to: NodeId, channel: Channel, body: Uint8Array): void {
    this.checkSize(body, channel);
    this.step({ kind: "send", to, channel: CHANNELS[channel], body });
  }

  broadcast(channel: Channel, body: Uint8Array): void {
    this.checkSize(body, channel);
    this.step({ kind: "broadcast", channel: CHANNELS[channel], body });
  }

  async request(
    to: NodeId,
    channel: Channel,
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    const address = this.state === null ? null : addressOf(this.state, to);
    if (address === null) {
      throw new BifrostError("upstream-unavailable", `No member is called "${to}".`, { to });
    }
    const sealed = encodeChannelRequest(this.self, CHANNELS[channel], body);
    try {
      return await this.options.transport.request(address, sealed, timeoutMs);
    } catch (error) {
      this.options.log.error("timeout waiting for response", {
        nodeId: to,
        address,
        channel,
        timeoutMs,
        problem: messageOf(error),
      });
      throw error;
    }
  }

  /** To every other member that is not known to be gone. */
  links(): readonly PeerLink[] {
    const peers = [...(this.state?.peers.values() ?? [])];
    return peers
      .filter(({ state }) => state === "alive" || state === "suspect")
      .map(({ id, link }) => ({
        nodeId: id,
        roundTripMs: link.roundTripMs,
        loss: lossOf(link),
      }));
  }

  /** Whether a reachable member's health checks pass; of this node itself "healthy". */
  healthOf(id: NodeId): PeerHealth {
    if (id === this.self) return "healthy";
    return this.state?.peers.get(id)?.link.health ?? "unknown";
  }

  counters(): SwimCounters & { readonly queued: number; readonly dropped: number } {
    const { state } = this;
    if (state === null) throw new BifrostError("not-ready", "The node has not been started.");
    const { queue, counters } = state;
    return { ...counters, queued: queue.items.size, dropped: queue.dropped };
  }

  private step(event: SwimEvent): void {
    if (this.state === null) return;
    const effects = step(this.state, event, this.uptime());
    this.setTimer();
    for (const effect of effects) this.carryOut(effect);
  }

  private setTimer(): void {
    if (this.state === null) return;
    const at = nextWakeAt(this.state);
    if (at === this.timerAt && this.timer !== null) return;
    this.timer?.cancel();
    this.timerAt = at;
    const delayMs = Math.min(MAX_WAIT_MS, Math.max(0, Math.ceil(at - this.uptime())));
    this.timer = this.options.timers.after(delayMs, () => {
      this.timer = null;
      this.step({ kind: "wake" });
    });
  }

  private carryOut(effect: SwimEffect): void {
    const { transport } = this.options;
    switch (effect.kind) {
      case "send":
        return transport.send(effect.to, this.withRider(effect));
      case "check":
        return void this.check(effect);
      case "sync":
        return void this.sync(effect);
      case "link":
        return transport.link(effect.addresses);
      case "changed":
        return this.tell(this.dated(effect.member), effect.former && this.dated(effect.former));
      case "deliver":
        return this.desk.deliver(effect);
      case "conflict":
        return this.logConflict(effect);
      case "refuted":
        return this.options.log.warn("refuted a claim that this node is gone", { ...effect });
      case "sync-reply":
        return; // taken up by `answer`
    }
  }

  private withRider({ to, packet }: Extract<SwimEffect, { kind: "send" }>): Uint8Array {
    const peers = this.state === null ? [] : peersAt(this.state, to);
    const peer = peers.find(({ state }) => state === "alive");
    if (peer === undefined) return packet;
    const { maxPacketBytes } = this.options.transport;
    return withRider(packet, maxPacketBytes, (most) => this.desk.rider(peer.id, most));
  }

  private async check(effect: Extract<SwimEffect, { kind: "check" }>): Promise<void> {
    const { seq, address, timeoutMs } = effect;
    const result = await this.options.transport.check(address, timeoutMs);
    this.step({ kind: "checked", seq, result });
  }

  private async sync(effect: Extract<SwimEffect, { kind: "sync" }>): Promise<void> {
    const { id, address, view, isRoutine } = effect;
    const { transport, log } = this.options;
    try {
      const body = encodeSync(view, this.desk.states());
      const reply = decodeStream(await transport.request(address, body, SYNC_TIMEOUT_MS));
      if (reply?.kind !== "sync") throw new Error("what answered is not a node of this version");
      this.step({ kind: "synced", id, view: reply.view });
      this.desk.takeStates(reply.view.sender, reply.states);
      this.news.forget(address);
      this.logJoin();
    } catch (error) {
      const problem = messageOf(error);
      if (isRoutine) log.debug("push-pull failed", { address, problem });
      else if (this.news.isNew(address, problem))
        log.warn("failed to join cluster", { address, problem });
      this.step({ kind: "synced", id, view: null });
    }
  }

  private async answer(from: Address, body: Uint8Array): Promise<Uint8Array> {
    const request = decodeStream(body);
    if (request === null || this.state === null) {
      const problem = "It is not one of this protocol's version, or this node has stopped.";
      this.options.log.error("a request could not be answered", { from, problem });
      throw new BifrostError("bad-request", problem);
    }
    if (request.kind === "channel") {
      return await this.desk.answer(request.sender, request.channel, request.body);
    }
    const event = { kind: "sync-request", view: request.view } as const;
    const effects = step(this.state, event, this.uptime());
    this.setTimer();
    for (const effect of effects) this.carryOut(effect);
    const reply = effects.find((effect) => effect.kind === "sync-reply");
    if (reply === undefined) throw new BifrostError("internal", "A push-pull was not answered.");
    const answer = encodeSync(reply.view, this.desk.states());
    this.desk.takeStates(request.view.sender, request.states);
    this.logJoin();
    return answer;
  }

  private tell(member: Member, former: Member | null): void {
    logMemberChange(this.options.log, member, former);
    for (const listener of this.listeners) listener(member, former);
  }

  private logConflict({ id, holder, claimant }: Extract<SwimEffect, { kind: "conflict" }>): void {
    if (!this.news.isNew(`${id} at ${claimant}`, holder)) return;
    const fields = { nodeId: id, holder, claimant, remedy: REMEDY };
    this.options.log.error("two nodes use one node id", fields);
  }

  private logJoin(): void {
    const peers = this.links().length;
    if (this.hasLoggedJoin || peers === 0) return;
    this.hasLoggedJoin = true;
    this.options.log.info(`successfully joined ${peers} peers on startup`, { peers });
  }

  /** Steps count in uptime; people read clocks. */
  private dated(member: Member): Member {
    const { timers } = this.options;
    if (member.id === this.self) return { ...member, since: this.startedAt };
    return { ...member, since: timers.now() - (this.uptime() - member.since) };
  }

  private checkSize(body: Uint8Array, channel: Channel): void {
    if (body.length <= this.maxMessageBytes) return;
    const fields = { channel, bytes: body.length, allowed: this.maxMessageBytes };
    this.options.log.error("failed to broadcast", { ...fields, problem: "message too large" });
    throw new BifrostError(
      "body-too-large",
      `A message on channel ${channel} is ${body.length} bytes; ${this.maxMessageBytes} fit a packet. Send it by request, or give it to push-pull.`,
      fields,
    );
  }
}

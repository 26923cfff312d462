/** Who gets the messages of each channel; what a listener throws is logged and harms nobody else. */
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { NodeId } from "./member.ts";
import type { ChannelHandlers } from "./membership.ts";
import type { Rider } from "./riders.ts";
import type { ChannelState } from "./stream-codec.ts";

interface ChannelMessage {
  readonly from: NodeId;
  readonly channel: number;
  readonly body: Uint8Array;
}

export class ChannelDesk {
  private readonly log: Logger;
  private readonly handlers = new Map<number, ChannelHandlers>();

  constructor(log: Logger) {
    this.log = log;
  }

  open(channel: number, handlers: ChannelHandlers): void {
    if (this.handlers.has(channel)) {
      throw new BifrostError("internal", `Channel ${channel} has a listener already.`, { channel });
    }
    this.handlers.set(channel, handlers);
  }

  deliver({ from, channel, body }: ChannelMessage): void {
    this.guarded(channel, from, () => this.handlers.get(channel)?.onMessage(from, body));
  }

  /** Whoever asked is only told that there is no answer: why stands in the log here. */
  async answer(from: NodeId, channel: number, body: Uint8Array): Promise<Uint8Array> {
    try {
      const handler = this.handlers.get(channel);
      if (handler?.onRequest !== undefined) return await handler.onRequest(from, body);
      throw new BifrostError("bad-request", `Nobody answers on channel ${channel}.`, { channel });
    } catch (error) {
      this.log.error("a request could not be answered", {
        channel,
        from,
        problem: messageOf(error),
      });
      throw error;
    }
  }

  /** What a node that knows nothing should be told, of the channels that have something to tell. */
  states(): ChannelState[] {
    const all: ChannelState[] = [];
    for (const [channel, handler] of this.handlers) {
      const body = handler.state?.();
      if (body !== undefined && body.length > 0) all.push({ channel, body });
    }
    return all;
  }

  /** The first channel's that has something to tell. */
  rider(to: NodeId, mostBytes: number): Rider | null {
    for (const [channel, handler] of this.handlers) {
      const body = handler.rider?.(to, mostBytes) ?? null;
      if (body !== null) return { channel, body };
    }
    return null;
  }

  takeStates(from: NodeId, states: readonly ChannelState[]): void {
    for (const { channel, body } of states) {
      this.guarded(channel, from, () => this.handlers.get(channel)?.onState?.(from, body));
    }
  }

  private guarded(channel: number, from: NodeId, task: () => void): void {
    try {
      task();
    } catch (error) {
      this.log.error("a message could not be taken", { channel, from, problem: messageOf(error) });
    }
  }
}

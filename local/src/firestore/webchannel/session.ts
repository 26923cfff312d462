/** One channel: a two-way call whose other side comes and goes with each HTTP request. */
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Caller } from "../edge/caller.ts";
import { invalid } from "../rpc-error.ts";
import { errorBody } from "../rest/rest-route.ts";
import type { OpenCall, Peer, RpcContext, TwoWayMethod } from "../rpc/method.ts";
import { endWhenTokenExpires } from "../edge/token-expiry.ts";
import { BackChannel } from "./back-channel.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { ChannelMessage } from "./channel-form.ts";
import type { ChannelRequest } from "./channel-request.ts";
import { Outbox } from "./outbox.ts";

/**
 * How long a channel waits for a back channel. The client tries to come back at once, after 5 to 15 s and after 10 to
 * 30 s more, so within 45 s; this is twice that.
 */
export const IDLE_MS = 90_000;
/** The client takes a back channel for dead after 1.5 times the silence that it is told to expect. */
export const EXPECTED_SILENCE_MS = 30_000;
/** Below that, with room for a slow timer. */
const NOOP_MS = 20_000;
/** The shortest wait that the client lets a page choose; less would be a busy loop. */
const SHORTEST_WAIT_MS = 5000;
/** A query's first answer is kept whole until the page has fetched it; an endless backlog ends the channel. */
const MAX_UNACKNOWLEDGED_BYTES = 64 * 1024 * 1024;
/** Large enough to be efficient, small enough that the page can work while the rest is on its way. */
const MAX_FRAME_BYTES = 256 * 1024;
/** 128 bits: knowing the id is what lets a request speak for the caller who opened the channel. */
const ID_BYTES = 16;
const NO_TIMER: Timer = { cancel() {} };

export interface SessionOptions {
  readonly rpc: string;
  readonly callerKey: string;
  /** The page's origin; undefined when no browser is behind it. */
  readonly origin: string | undefined;
  readonly timers: Timers;
  readonly budget: ByteBudget;
  /** Called once, when the channel is over and its id means nothing any more. */
  readonly onEnd: (session: Session, why: SessionEnd) => void;
}

export type SessionEnd = "terminated" | "idle" | "evicted" | "overflow" | "gap" | "stopped";

export class Session implements Peer {
  readonly id = randomBytes(ID_BYTES).toString("base64url");
  readonly options: SessionOptions;
  readonly #outbox: Outbox;
  #call: OpenCall | undefined;
  #back: BackChannel | undefined;
  #nextOffset = 0;
  #isFailed = false;
  #isEnded = false;
  #isFlushing = false;
  #noopMs = NOOP_MS;
  #idle: Timer;
  #noop: Timer = NO_TIMER;
  #expiry: Timer = NO_TIMER;

  constructor(options: SessionOptions) {
    this.options = options;
    this.#outbox = new Outbox(MAX_UNACKNOWLEDGED_BYTES, options.budget);
    this.#idle = this.#scheduleIdle();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get hasBackChannel(): boolean {
    return this.#back !== undefined;
  }

  /** What the answer to a POST tells: back channel held or not, newest message, bytes on their way. */
  get state(): readonly [number, number, number] {
    return [this.hasBackChannel ? 1 : 0, this.#outbox.lastId, this.#outbox.bytes];
  }

  start(method: TwoWayMethod, context: RpcContext, caller: Caller): void {
    this.#call = method(context, caller, this);
    this.#expiry = endWhenTokenExpires(this.options.timers, caller, (error) => this.fail(error));
  }

  send(response: object): void {
    this.#push([response]);
  }

  /** The call is over; the channel stays until the page has heard why. */
  fail(error: unknown): void {
    if (this.#isFailed || this.#isEnded) return;
    this.#isFailed = true;
    this.#endCall();
    this.#push([errorBody(error).body]);
  }

  /** What was handled before is dropped: a browser may send one POST twice. */
  receive(messages: readonly ChannelMessage[]): void {
    for (const { offset, request } of messages) {
      if (offset < this.#nextOffset) continue;
      if (offset > this.#nextOffset) {
        this.end("gap");
        return;
      }
      this.#nextOffset += 1;
      try {
        this.#call?.receive(request);
      } catch (error) {
        this.fail(error);
      }
    }
  }

  /** Throws INVALID_ARGUMENT for what was never sent. */
  acknowledge(id: number): void {
    const { lastId } = this.#outbox;
    if (id > lastId) throw invalid(`'AID' is ${id}, but ${lastId} is the newest message.`);
    this.#outbox.acknowledge(id);
  }

  /** Holds the response as the back channel; one that is held already was given up by the page. */
  attach(
    response: ServerResponse,
    { acknowledged, isLongPoll, maxWaitMs }: Extract<ChannelRequest, { kind: "receive" }>,
  ): void {
    this.acknowledge(acknowledged);
    this.#back?.end();
    this.#idle.cancel();
    this.#noopMs = clamp(maxWaitMs ?? NOOP_MS, SHORTEST_WAIT_MS, NOOP_MS);
    const back: BackChannel = new BackChannel(response, isLongPoll, acknowledged, {
      onReady: () => this.#flush(),
      onGone: () => this.#release(back),
    });
    this.#back = back;
    this.#flush();
    // A first chunk tells the client that nothing between here and there holds chunks back.
    if (!isLongPoll && !back.hasAnswered) this.#push(["noop"]);
  }

  /** Ends the held answer, for the sake of other pages; this one asks again at once. */
  giveWay(): void {
    const back = this.#back;
    if (back === undefined) return;
    if (!back.hasAnswered) this.#push(["noop"]);
    this.#flush();
    back.end();
    this.#release(back);
  }

  end(why: SessionEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#endCall();
    this.#outbox.clear();
    this.#idle.cancel();
    this.#noop.cancel();
    this.#back?.end();
    this.#back = undefined;
    this.options.onEnd(this, why);
  }

  #endCall(): void {
    this.#expiry.cancel();
    this.#call?.close();
    this.#call = undefined;
  }

  #push(payload: readonly unknown[]): void {
    if (this.#isEnded) return;
    if (!this.#outbox.add(payload)) {
      this.end("overflow");
      return;
    }
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // What one commit brings about is sent together.
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const back = this.#back;
    if (back === undefined) return;
    while (back.isReady) {
      const delivery = this.#outbox.after(back.sentId, MAX_FRAME_BYTES);
      if (delivery === undefined) break;
      back.write(delivery);
    }
    if (back.isAnswered) {
      back.end();
      this.#release(back);
    } else this.#scheduleNoop();
  }

  #release(back: BackChannel): void {
    if (this.#back !== back) return;
    this.#back = undefined;
    this.#noop.cancel();
    this.#idle = this.#scheduleIdle();
  }

  #scheduleNoop(): void {
    this.#noop.cancel();
    this.#noop = this.options.timers.after(this.#noopMs, () => this.#push(["noop"]));
  }

  #scheduleIdle(): Timer {
    return this.options.timers.after(IDLE_MS, () => this.end("idle"));
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

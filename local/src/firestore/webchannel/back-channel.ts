/** A GET that is held open: it takes deliveries as fast as the page reads them. */
import type { ServerResponse } from "node:http";
import type { Delivery } from "./outbox.ts";

/**
 * A streamed answer ends after this much. The page then asks again and acknowledges in passing; without that, both
 * its own copy of the answer and what is kept here for a second sending would grow for as long as the page lives.
 */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface BackChannelEvents {
  /** The page has read what was waiting: more may be sent. */
  onReady(): void;
  /** The page has hung up. */
  onGone(): void;
}

export class BackChannel {
  readonly #response: ServerResponse;
  readonly #isLongPoll: boolean;
  #sentId: number;
  #bytes = 0;
  #isBlocked = false;

  /** Sends the head at once, so that the page knows that it is heard. */
  constructor(
    response: ServerResponse,
    isLongPoll: boolean,
    acknowledged: number,
    events: BackChannelEvents,
  ) {
    this.#response = response;
    this.#isLongPoll = isLongPoll;
    this.#sentId = acknowledged;
    response.on("close", () => events.onGone());
    response.on("drain", () => {
      this.#isBlocked = false;
      events.onReady();
    });
    response.flushHeaders();
  }

  /** Number of the last message that was sent here. */
  get sentId(): number {
    return this.#sentId;
  }

  get isReady(): boolean {
    return !this.#isBlocked && !this.isFull;
  }

  get isFull(): boolean {
    return this.#bytes >= MAX_ANSWER_BYTES;
  }

  /** An answer without a single byte counts as a failure with the client: it waits for seconds before the next. */
  get hasAnswered(): boolean {
    return this.#bytes > 0;
  }

  /** With long polling one delivery is the answer. */
  get isAnswered(): boolean {
    return this.isFull || (this.#isLongPoll && this.hasAnswered && !this.#isBlocked);
  }

  write({ frame, lastId }: Delivery): void {
    this.#sentId = lastId;
    this.#bytes += frame.length;
    this.#isBlocked = !this.#response.write(frame, "latin1");
  }

  end(): void {
    this.#response.end();
  }
}

/** Responses on their way to one client, as bytes: a client that does not read must not fill the memory. */
import { RpcError } from "../rpc-error.ts";

/** So much is handed on before the first of it has left: enough to keep a socket busy. */
const MAX_IN_FLIGHT_BYTES = 256 * 1024;
/** So many messages that have left are kept before the rest moves up. */
const MAX_TAKEN = 1000;

export interface SendQueueOptions {
  readonly budget: SendBudget;
  /** What this one client may leave unread. */
  readonly maxUnsentBytes: number;
  /** Hands a message on; `done` is called when it has left this process. */
  readonly write: (message: Buffer, done: () => void) => void;
  /** Called once, when the client has too much to catch up on: it does better to ask again. */
  readonly overflow: (error: RpcError) => void;
}

export class SendQueue {
  readonly #options: SendQueueOptions;
  #waiting: Buffer[] = [];
  /** Where in #waiting the next one is: taking it from the front would move all the others. */
  #next = 0;
  #waitingBytes = 0;
  #inFlightBytes = 0;
  #isOver = false;
  #whenSent: (() => void) | undefined;

  constructor(options: SendQueueOptions) {
    this.#options = options;
    options.budget.add(this);
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  push(message: Buffer): void {
    if (this.#isOver) return;
    this.#waiting.push(message);
    this.#count(message.length);
    this.#flush();
    if (this.#waitingBytes > this.#options.maxUnsentBytes) this.overflow();
    else this.#options.budget.enforce();
  }

  /** No more is pushed; `then` runs when everything has left, or never if the client does not read. */
  end(then: () => void): void {
    this.#isOver = true;
    this.#whenSent = then;
    this.#flush();
  }

  /** Nobody waits for the rest. */
  drop(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#next = 0;
    this.#count(-this.#waitingBytes);
    this.#options.budget.remove(this);
  }

  overflow(): void {
    const { maxUnsentBytes, overflow } = this.#options;
    this.drop();
    overflow(
      new RpcError(
        "RESOURCE_EXHAUSTED",
        `The client reads too slowly: of at most ${maxUnsentBytes} bytes too many wait for it; listen again.`,
      ),
    );
  }

  #flush(): void {
    while (this.#inFlightBytes < MAX_IN_FLIGHT_BYTES) {
      const message = this.#take();
      if (message === undefined) break;
      this.#count(-message.length);
      this.#inFlightBytes += message.length;
      this.#options.write(message, () => {
        this.#inFlightBytes -= message.length;
        this.#flush();
      });
    }
    if (this.#inFlightBytes > 0 || this.#whenSent === undefined) return;
    const then = this.#whenSent;
    this.#whenSent = undefined;
    this.#options.budget.remove(this);
    then();
  }

  #take(): Buffer | undefined {
    const message = this.#waiting[this.#next];
    if (message === undefined) return undefined;
    this.#next += 1;
    if (this.#next === this.#waiting.length || this.#next === MAX_TAKEN) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    return message;
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#options.budget.count(bytes);
  }
}

/** What all clients together may leave unread: when it is too much, the one that leaves most has to go. */
export class SendBudget {
  readonly #maxBytes: number;
  readonly #queues = new Set<SendQueue>();
  #waitingBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(queue: SendQueue): void {
    this.#queues.add(queue);
  }

  remove(queue: SendQueue): void {
    this.#queues.delete(queue);
  }

  count(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  enforce(): void {
    while (this.#waitingBytes > this.#maxBytes) {
      const largest = [...this.#queues].toSorted((a, b) => b.waitingBytes - a.waitingBytes)[0];
      if (largest === undefined) return;
      largest.overflow();
    }
  }
}

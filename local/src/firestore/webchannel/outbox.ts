/** What a page has not acknowledged yet, in order: it is sent again until it is. */
import type { ByteBudget } from "./byte-budget.ts";
import { asciiJson, framed } from "./frame.ts";

export interface Delivery {
  readonly frame: string;
  /** Number of the last message in it. */
  readonly lastId: number;
}

interface Message {
  readonly id: number;
  /** `[id, payload]` */
  readonly json: string;
}

export class Outbox {
  readonly #maxBytes: number;
  readonly #shared: ByteBudget;
  #messages: Message[] = [];
  #bytes = 0;
  #lastId = 0;

  constructor(maxBytes: number, shared: ByteBudget) {
    this.#maxBytes = maxBytes;
    this.#shared = shared;
  }

  /** Number of the newest message; the first one is 1, because the handshake is 0. */
  get lastId(): number {
    return this.#lastId;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False when there is no room for it, neither here nor in what all outboxes may hold. */
  add(payload: readonly unknown[]): boolean {
    const json = asciiJson([this.#lastId + 1, payload]);
    if (this.#bytes + json.length > this.#maxBytes || !this.#shared.take(json.length)) return false;
    this.#lastId += 1;
    this.#bytes += json.length;
    this.#messages.push({ id: this.#lastId, json });
    return true;
  }

  /** Everything up to this number has arrived. */
  acknowledge(id: number): void {
    const first = this.#messages[0]?.id ?? this.#lastId + 1;
    this.#drop(Math.max(0, id - first + 1));
  }

  clear(): void {
    this.#drop(this.#messages.length);
  }

  /** The messages after this number, as many as fit into `maxBytes` but at least one; undefined when there is none. */
  after(id: number, maxBytes: number): Delivery | undefined {
    const first = this.#messages[0]?.id ?? this.#lastId + 1;
    const start = Math.max(0, id - first + 1);
    let bytes = 0;
    let end = start;
    for (; end < this.#messages.length; end += 1) {
      bytes += this.#messages[end]?.json.length ?? 0;
      if (end > start && bytes > maxBytes) break;
    }
    const messages = this.#messages.slice(start, end);
    const last = messages.at(-1);
    if (last === undefined) return undefined;
    return { frame: framed(`[${messages.map(({ json }) => json).join(",")}]`), lastId: last.id };
  }

  #drop(count: number): void {
    const dropped = this.#messages.slice(0, count).reduce((sum, { json }) => sum + json.length, 0);
    this.#messages = this.#messages.slice(count);
    this.#bytes -= dropped;
    this.#shared.give(dropped);
  }
}

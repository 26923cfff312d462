/**
 * Browsers open at most six HTTP/1 connections to one server, for all their tabs together, and a back channel occupies
 * one for as long as it is held. The seventh would wait for ever, and every POST behind it. So back channels take
 * turns: while a browser holds more than a few, the one that was held longest gives way, and its page asks again.
 */
import type { ServerResponse } from "node:http";
import type { Timers } from "@bifrost/shared/domain/time";

/** Leaves two of the six connections for everything else. */
const MAX_HELD = 4;
/** How long the others wait at most for their turn to begin; shorter means more requests from idle pages. */
const TURN_MS = 250;

interface Turn {
  readonly since: number;
  readonly giveWay: () => void;
}

export class Turns {
  readonly #timers: Timers;
  /** By browser; the longest held first. */
  readonly #held = new Map<string, Map<ServerResponse, Turn>>();
  readonly #waiting = new Set<string>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Browsers that hold a back channel. */
  get size(): number {
    return this.#held.size;
  }

  /** Counts the answer among those this browser holds, until it is over. */
  take(browser: string, answer: ServerResponse, giveWay: () => void): void {
    const turns = this.#held.get(browser) ?? new Map<ServerResponse, Turn>();
    this.#held.set(browser, turns);
    turns.set(answer, { since: this.#timers.now(), giveWay });
    answer.on("close", () => this.#leave(browser, answer));
    this.#makeRoom(browser);
  }

  #leave(browser: string, answer: ServerResponse): void {
    const turns = this.#held.get(browser);
    turns?.delete(answer);
    if (turns?.size === 0) this.#held.delete(browser);
  }

  #makeRoom(browser: string): void {
    for (const [answer, { since, giveWay }] of this.#held.get(browser) ?? []) {
      if ((this.#held.get(browser)?.size ?? 0) <= MAX_HELD) return;
      const leftMs = since + TURN_MS - this.#timers.now();
      if (leftMs > 0) {
        this.#makeRoomLater(browser, leftMs);
        return;
      }
      this.#leave(browser, answer);
      giveWay();
    }
  }

  #makeRoomLater(browser: string, delayMs: number): void {
    if (this.#waiting.has(browser)) return;
    this.#waiting.add(browser);
    this.#timers.after(delayMs, () => {
      this.#waiting.delete(browser);
      this.#makeRoom(browser);
    });
  }
}

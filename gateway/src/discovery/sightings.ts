/** Nodes that were seen lately; each is forgotten when nothing is heard of it any more. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Address } from "../gossip/member.ts";
import { MAX_NODES } from "./findings.ts";

interface Sighting {
  readonly address: Address;
  readonly end: Timer;
}

export class Sightings<Key> {
  readonly #timers: Timers;
  readonly #onChange: (addresses: readonly Address[]) => void;
  readonly #known = new Map<Key, Sighting>();

  /** `onChange`: told after every sighting and every loss. */
  constructor(timers: Timers, onChange: (addresses: readonly Address[]) => void) {
    this.#timers = timers;
    this.#onChange = onChange;
  }

  /** Beyond MAX_NODES nobody new is taken: who makes up names must not push out who is there. */
  seen(key: Key, address: Address, lifeMs: number): void {
    const known = this.#known.get(key);
    if (known === undefined && this.#known.size >= MAX_NODES) return;
    known?.end.cancel();
    const end = this.#timers.after(lifeMs, () => this.gone(key));
    this.#known.set(key, { address, end });
    this.#tell();
  }

  /** Whether it was known. */
  gone(key: Key): boolean {
    const known = this.#known.get(key);
    if (known === undefined) return false;
    known.end.cancel();
    this.#known.delete(key);
    this.#tell();
    return true;
  }

  stop(): void {
    for (const { end } of this.#known.values()) end.cancel();
    this.#known.clear();
  }

  #tell(): void {
    this.#onChange([...this.#known.values()].map(({ address }) => address));
  }
}

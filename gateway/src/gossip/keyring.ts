/**
 * The keys a cluster's nodes share, by number. One seals; any of them opens, and a number in each packet and stream says
 * which. Nothing is sealed with them directly: each start of a process, and each stream, derives keys of its own, so that
 * counters can be nonces. Whoever holds a key is a node of the cluster: it can pass for any other one.
 */
import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";

export interface GossipKey {
  /** 0 to 255. */
  readonly id: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export const KEY_BYTES = 32;
const FINGERPRINT_BYTES = 8;

export class Keyring {
  readonly #keys = new Map<number, KeyObject>();
  readonly #onRemoved: ((id: number) => void)[] = [];
  #primary: number;

  /** The first of them seals. */
  constructor(keys: readonly GossipKey[]) {
    const [first] = keys;
    if (first === undefined) {
      throw new BifrostError(
        "invalid-environment",
        "a keyring without a key seals nothing; give at least one key of 32 bytes",
      );
    }
    for (const key of keys) this.install(key);
    this.#primary = first.id;
  }

  /** Number of the key that seals. */
  get primary(): number {
    return this.#primary;
  }

  get ids(): readonly number[] {
    return [...this.#keys.keys()].toSorted((a, b) => a - b);
  }

  has(id: number): boolean {
    return this.#keys.has(id);
  }

  /** Opens from now on. The same key again changes nothing; another one under a number in use is refused. */
  install({ id, key }: GossipKey): void {
    if (!Number.isInteger(id) || id < 0 || id > 255 || key.length !== KEY_BYTES) {
      throw new BifrostError(
        "bad-request",
        `a gossip key has a number from 0 to 255 and ${KEY_BYTES} bytes; found number ${id} and ${key.length} bytes`,
        { id, bytes: key.length },
      );
    }
    const known = this.#keys.get(id);
    const added = createSecretKey(key);
    if (known !== undefined && !known.equals(added)) {
      throw new BifrostError(
        "already-exists",
        `gossip key ${id} is another key already; install the new one under a free number`,
        { id },
      );
    }
    if (known === undefined) this.#keys.set(id, added);
  }

  /** As `install`; but of two keys of one number the new one stays. */
  replace(key: GossipKey): void {
    const known = this.#keys.get(key.id);
    if (known?.equals(createSecretKey(key.key)) === false) {
      this.#keys.delete(key.id);
      this.#tellRemoved(key.id);
    }
    this.install(key);
  }

  /** Seals from now on. */
  use(id: number): void {
    if (!this.#keys.has(id)) throw unknownKey(id, this.ids);
    this.#primary = id;
  }

  /** Opens nothing from now on, and streams that were opened with it end. */
  remove(id: number): void {
    if (id === this.#primary) {
      throw new BifrostError(
        "bad-request",
        `gossip key ${id} is the one that seals; use another one first, then remove it`,
        { id },
      );
    }
    if (this.#keys.delete(id)) this.#tellRemoved(id);
  }

  onRemoved(listener: (id: number) => void): void {
    this.#onRemoved.push(listener);
  }

  /** A key of this purpose alone; null = no key of that number. */
  derive(id: number, salt: Uint8Array, purpose: string): KeyObject | null {
    const key = this.#keys.get(id);
    if (key === undefined) return null;
    return createSecretKey(Buffer.from(hkdfSync("sha256", key, salt, purpose, KEY_BYTES)));
  }

  /** Tells whether two nodes mean the same key by a number, and tells nothing of the key. */
  fingerprint(id: number): string | null {
    const derived = this.derive(id, Buffer.alloc(0), "bifrost gossip fingerprint");
    if (derived === null) return null;
    const digest = createHash("sha256").update(derived.export()).digest();
    return digest.subarray(0, FINGERPRINT_BYTES).toString("hex");
  }

  /** The key itself, to hand it to a node that lacks it; over a sealed stream only. */
  reveal(id: number): Uint8Array | null {
    return this.#keys.get(id)?.export() ?? null;
  }

  #tellRemoved(id: number): void {
    for (const listener of this.#onRemoved) listener(id);
  }
}

export function unknownKey(id: number, known: readonly number[]): BifrostError {
  return new BifrostError(
    "not-found",
    `there is no gossip key ${id} at this node, which has ${known.join(", ")}; install it first`,
    { id, known: known.map(String) },
  );
}

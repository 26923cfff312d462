/**
 * Changes the keys of a whole cluster, a step at a time: install a new one everywhere, use it, remove the old one. Each
 * step is a new version of the ring (its keys and which of them seals); the highest version holds at every node, however it
 * got there: by the request that made it, or by push-pull at a node that was away. A step is done when every live node has
 * acknowledged it, and it is refused while one of them lacks what the step before brought.
 *
 * The new key travels sealed with the old one, so this does not shut out somebody who has the old one and listens (over
 * mutual TLS it does): after a leak, give the nodes new keys by configuration.
 */
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { isLive } from "./evidence.ts";
import { decodeRing, encodeRing, isNewer, type KeyringVersion } from "./keyring-version.ts";
import { KEY_BYTES, unknownKey, type GossipKey, type Keyring } from "./keyring.ts";
import type { NodeId } from "./member.ts";
import type { Membership } from "./membership.ts";

const ANSWER_MS = 5_000;
/** What acknowledges a removal may go over a stream that was opened with the removed key. */
const REMOVE_AFTER_MS = 1_000;

export interface KeyChange {
  readonly step: "install" | "use" | "remove";
  readonly id: number;
  /** Of `install`: 32 bytes in base64; null for the other steps. */
  readonly key: string | null;
}

export interface KeyStatus {
  readonly id: number;
  readonly isPrimary: boolean;
  /** Live nodes that said that they have it, this one included. */
  readonly installedAt: readonly NodeId[];
}

export interface KeyRotationParts {
  readonly membership: Membership;
  readonly keyring: Keyring;
  readonly timers: Timers;
  readonly log: Logger;
}

export class KeyRotation {
  readonly #parts: KeyRotationParts;
  /** What the others said last. */
  readonly #heard = new Map<NodeId, KeyringVersion>();
  #ring: KeyringVersion;
  #isChanging = false;

  constructor(parts: KeyRotationParts) {
    this.#parts = parts;
    const { keyring, membership } = parts;
    this.#ring = { version: 0, by: "", primary: keyring.primary, keys: this.#describe() };
    membership.on("keys", {
      onMessage() {},
      onRequest: async (from, body) => {
        this.#take(from, decodeRing(body));
        return encodeRing(withoutKeys(this.#ring));
      },
      state: () => encodeRing(this.#ring.version === 0 ? withoutKeys(this.#ring) : this.#ring),
      onState: (from, body) => this.#take(from, decodeRing(body)),
    });
  }

  /** Resolves when every live node has acknowledged the step; otherwise says which have not, and may be repeated. */
  async rotate(change: KeyChange): Promise<void> {
    if (this.#isChanging) {
      throw new BifrostError(
        "not-ready",
        "a step of a rotation is under way at this node; repeat this one after it",
      );
    }
    this.#isChanging = true;
    try {
      // Everybody's view first: the step is taken from the newest of them.
      await this.#ask(withoutKeys(this.#ring));
      this.#check(change);
      this.#adopt(this.#next(change));
      await this.#ask(this.#ring);
      this.#checkAcknowledged();
      this.#parts.log.info("every live node acknowledged a step of the key rotation", {
        step: change.step,
        keyId: change.id,
        nodes: this.#live().length + 1,
      });
      if (change.step === "remove") this.#warnOfAbsent();
    } finally {
      this.#isChanging = false;
    }
  }

  keys(): readonly KeyStatus[] {
    const { keyring, membership } = this.#parts;
    return this.#ring.keys.map(({ id, print }) => {
      const holders = this.#live().filter((node) => printOf(this.#heard.get(node), id) === print);
      return { id, isPrimary: id === keyring.primary, installedAt: [membership.self, ...holders] };
    });
  }

  #live(): readonly NodeId[] {
    const { membership } = this.#parts;
    return membership
      .members()
      .filter(({ id, state }) => id !== membership.self && isLive(state))
      .map(({ id }) => id);
  }

  /** Tells every live node a ring, and hears its own. */
  async #ask(ring: KeyringVersion): Promise<void> {
    const body = encodeRing(ring);
    const asked = this.#live().map(async (node) => {
      try {
        const answer = await this.#parts.membership.request(node, "keys", body, ANSWER_MS);
        this.#take(node, decodeRing(answer));
        return null;
      } catch (error) {
        return `${node} (${messageOf(error)})`;
      }
    });
    const silent = (await Promise.all(asked)).filter((problem) => problem !== null);
    if (silent.length === 0) return;
    throw new BifrostError(
      "not-ready",
      `every live node must acknowledge a step of the key rotation, and these have not: ${silent.join("; ")}; ` +
        "repeat the step when they answer, or when they are dead",
      { nodes: silent },
    );
  }

  #warnOfAbsent(): void {
    const { membership, log } = this.#parts;
    const nodes = membership.members().filter(({ state }) => state === "dead");
    if (nodes.length === 0) return;
    log.warn("a gossip key is gone that nodes which are away may need to come back", {
      nodes: nodes.map(({ id }) => id),
      remedy: "start them with the present keys in BIFROST_GOSSIP_KEYS",
    });
  }

  #check({ step, id }: KeyChange): void {
    const { keyring } = this.#parts;
    if (step === "install") return;
    const ids = this.#ring.keys.map((entry) => entry.id);
    if (!ids.includes(id)) throw unknownKey(id, ids);
    if (step === "use")
      return this.#demand(
        id,
        "install it first",
        (ring) => printOf(ring, id) === keyring.fingerprint(id),
      );
    if (id === keyring.primary) keyring.remove(id); // says why not
    return this.#demand(id, "use another one first", (ring) => ring?.primary === keyring.primary);
  }

  /** Of every live node. */
  #demand(id: number, remedy: string, isMet: (ring: KeyringVersion | undefined) => boolean): void {
    const lacking = this.#live().filter((node) => !isMet(this.#heard.get(node)));
    if (lacking.length === 0) return;
    throw new BifrostError(
      "not-ready",
      `${lacking.join(", ")} cannot follow this step for gossip key ${id} yet; ${remedy}`,
      { id, nodes: lacking },
    );
  }

  #checkAcknowledged(): void {
    const other = this.#live().find((node) => {
      const ring = this.#heard.get(node);
      return ring?.version !== this.#ring.version || ring.by !== this.#ring.by;
    });
    if (other === undefined) return;
    throw new BifrostError(
      "write-conflict",
      `${other} has another version of the keys, such as of a rotation that is under way elsewhere; repeat the step`,
      { node: other },
    );
  }

  #next({ step, id, key }: KeyChange): KeyringVersion {
    const { keyring, membership } = this.#parts;
    if (step === "install") keyring.install({ id, key: parseKey(id, key) });
    // What was removed a moment ago still opens, and must not come back by this step.
    const ids = new Set([...this.#ring.keys.map((entry) => entry.id), id]);
    if (step === "remove") ids.delete(id);
    const keys = this.#describe().filter((entry) => ids.has(entry.id));
    const primary = step === "use" ? id : keyring.primary;
    return { version: this.#ring.version + 1, by: membership.self, primary, keys };
  }

  #take(from: NodeId, ring: KeyringVersion): void {
    this.#heard.set(from, ring);
    for (const node of this.#heard.keys()) if (!this.#isMember(node)) this.#heard.delete(node);
    const isComplete = ring.keys.every(
      ({ id, print, key }) => key !== null || this.#parts.keyring.fingerprint(id) === print,
    );
    if (isNewer(ring, this.#ring) && isComplete) this.#adopt(ring);
  }

  #isMember(node: NodeId): boolean {
    return this.#parts.membership.members().some(({ id }) => id === node);
  }

  /** Installs what is new at once; what is gone is removed when its acknowledgement is on its way. */
  #adopt(ring: KeyringVersion): void {
    const { keyring, timers, log } = this.#parts;
    for (const { id, key } of ring.keys) if (key !== null) this.#keep({ id, key });
    keyring.use(ring.primary);
    this.#ring = {
      ...ring,
      keys: this.#describe().filter(({ id }) => ring.keys.some((kept) => kept.id === id)),
    };
    log.info("gossip keys changed", {
      ids: ring.keys.map(({ id }) => id),
      primary: ring.primary,
      by: ring.by,
    });
    const { version } = this.#ring;
    timers.after(REMOVE_AFTER_MS, () => {
      if (this.#ring.version === version) this.#removeOthers();
    });
  }

  /** A key of the configuration is never replaced; of two rotations that chose one number the newer ring's key stays. */
  #keep(key: GossipKey): void {
    if (this.#ring.version > 0) this.#parts.keyring.replace(key);
    else this.#parts.keyring.install(key);
  }

  #removeOthers(): void {
    const { keyring } = this.#parts;
    const kept = new Set(this.#ring.keys.map(({ id }) => id));
    for (const id of keyring.ids) if (!kept.has(id)) keyring.remove(id);
  }

  #describe(): KeyringVersion["keys"] {
    const { keyring } = this.#parts;
    return keyring.ids.map((id) => ({
      id,
      print: keyring.fingerprint(id) ?? "",
      key: keyring.reveal(id),
    }));
  }
}

function withoutKeys(ring: KeyringVersion): KeyringVersion {
  return { ...ring, keys: ring.keys.map((entry) => ({ ...entry, key: null })) };
}

function printOf(ring: KeyringVersion | undefined, id: number): string | null {
  return ring?.keys.find((entry) => entry.id === id)?.print ?? null;
}

function parseKey(id: number, text: string | null): GossipKey["key"] {
  const key = Buffer.from(text ?? "", "base64");
  if (key.length === KEY_BYTES) return key;
  throw new BifrostError(
    "bad-request",
    `gossip key ${id} must be ${KEY_BYTES} bytes in base64, such as of \`openssl rand -base64 ${KEY_BYTES}\`; found ${key.length} bytes`,
    { id, bytes: key.length },
  );
}

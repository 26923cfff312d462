/** Who calls: from the Authorization header to the identity the rules see. */
import type { Clock } from "@bifrost/shared/domain/time";
import { RpcError } from "./rpc-error.ts";

export interface Auth {
  readonly uid: string;
  readonly token: Readonly<Record<string, unknown>>;
}

export interface Caller {
  /** The administrator: no rules. */
  readonly isOwner: boolean;
  /** Null for the owner and for anonymous callers. */
  readonly auth: Auth | null;
  /** Tells callers apart, for the ownership of transactions. */
  readonly key: string;
}

export type VerifyIdToken = (
  token: string,
) => Promise<{ uid: string; token: Record<string, unknown> }>;

const OWNER: Caller = { isOwner: true, auth: null, key: "owner" };
const ANONYMOUS: Caller = { isOwner: false, auth: null, key: "anonymous" };
const MAX_CACHED = 1000;
const MAX_HEADER_CHARS = 16_384;

/** Remembers verified tokens until they expire, so that a busy caller costs one verification an hour. */
export class CallerResolver {
  readonly #verify: VerifyIdToken;
  readonly #clock: Clock;
  readonly #ownerToken: string;
  readonly #cache = new Map<string, { readonly caller: Caller; readonly expiresAtMs: number }>();

  constructor(verify: VerifyIdToken, clock: Clock, ownerToken: string) {
    this.#verify = verify;
    this.#clock = clock;
    this.#ownerToken = ownerToken;
  }

  /** Known callers are answered without a promise. Throws UNAUTHENTICATED. */
  resolve(header: string | undefined): Caller | Promise<Caller> {
    if (header === undefined || header === "") return ANONYMOUS;
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (token === undefined || header.length > MAX_HEADER_CHARS) {
      throw new RpcError(
        "UNAUTHENTICATED",
        "The Authorization header must be 'Bearer <ID token>'.",
      );
    }
    if (token === this.#ownerToken) return OWNER;
    const cached = this.#cache.get(token);
    if (cached !== undefined && cached.expiresAtMs > this.#clock.now()) return cached.caller;
    this.#cache.delete(token);
    return this.#verified(token);
  }

  async #verified(token: string): Promise<Caller> {
    const auth = await this.#verify(token).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : "unknown reason";
      throw new RpcError("UNAUTHENTICATED", `Invalid ID token: ${why}`, { cause: error });
    });
    const caller: Caller = { isOwner: false, auth, key: `uid:${auth.uid}` };
    const { exp } = auth.token;
    if (typeof exp === "number") {
      const oldest = this.#cache.size >= MAX_CACHED ? this.#cache.keys().next().value : undefined;
      if (oldest !== undefined) this.#cache.delete(oldest);
      this.#cache.set(token, { caller, expiresAtMs: exp * 1000 });
    }
    return caller;
  }
}

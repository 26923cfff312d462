/** Who calls: from the Authorization header to the identity the rules see. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Clock } from "@bifrost/shared/domain/time";
import { RpcError } from "../rpc-error.ts";

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
  /** From then on the caller is nobody: `endWhenTokenExpires` ends what is still open. Null = never. */
  readonly expiresAtMs: number | null;
}

export interface VerifiedToken {
  readonly uid: string;
  readonly token: Readonly<Record<string, unknown>>;
  /** Null = never; absent, as the claim `exp` says. */
  readonly expiresAtMs?: null;
}

/** Rejects for a token that is not to be believed; without `expiresAtMs` the claims hold a numeric `exp`. */
export type VerifyIdToken = (token: string) => Promise<VerifiedToken>;

const OWNER: Caller = { isOwner: true, auth: null, key: "owner", expiresAtMs: null };
const ANONYMOUS: Caller = { isOwner: false, auth: null, key: "anonymous", expiresAtMs: null };
const MAX_CACHED = 1000;
/** An ID token has at most 1000 bytes of custom claims: about 2,500 characters. */
const MAX_HEADER_CHARS = 16_384;

/** Remembers verified tokens until they expire, so that a busy caller costs one verification an hour. */
export class CallerResolver {
  readonly #verify: VerifyIdToken;
  readonly #clock: Clock;
  readonly #ownerDigest: Buffer;
  /** By the token's digest: no token stays in memory. */
  readonly #cache = new Map<string, Caller & { readonly expiresAtMs: number }>();

  constructor(verify: VerifyIdToken, clock: Clock, ownerToken: string) {
    this.#verify = verify;
    this.#clock = clock;
    this.#ownerDigest = digestOf(ownerToken);
  }

  /**
   * Of one Authorization header, or of all that a request had. Known callers are answered without a promise.
   * Throws UNAUTHENTICATED; no header at all is an anonymous caller.
   */
  resolve(headers: string | readonly string[] | undefined): Caller | Promise<Caller> {
    const [header = "", ...more] = typeof headers === "string" ? [headers] : (headers ?? []);
    if (more.length > 0) throw unauthenticated("There must be one Authorization header.");
    if (header === "") return ANONYMOUS;
    const token =
      header.length > MAX_HEADER_CHARS ? undefined : /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (token === undefined) {
      throw unauthenticated(
        `The Authorization header must be 'Bearer <ID token>' of at most ${MAX_HEADER_CHARS} characters.`,
      );
    }
    const digest = digestOf(token);
    if (timingSafeEqual(digest, this.#ownerDigest)) return OWNER;
    const key = digest.toString("base64");
    const cached = this.#cache.get(key);
    if (cached !== undefined && cached.expiresAtMs > this.#clock.now()) return cached;
    this.#cache.delete(key);
    return this.#verified(token, key);
  }

  async #verified(token: string, cacheKey: string): Promise<Caller> {
    const verified = await this.#verify(token).catch((error: unknown) => {
      throw refusal(error);
    });
    const auth = { uid: verified.uid, token: verified.token };
    const key = `uid:${auth.uid}`;
    if (verified.expiresAtMs === null) return { isOwner: false, auth, key, expiresAtMs: null };
    const { exp } = auth.token;
    if (typeof exp !== "number") throw unauthenticated("The ID token is refused: it has no end.");
    const expiresAtMs = exp * 1000;
    if (expiresAtMs <= this.#clock.now())
      throw unauthenticated("The ID token is refused: it has expired.");
    const caller = { isOwner: false, auth, key, expiresAtMs };
    const oldest = this.#cache.size >= MAX_CACHED ? this.#cache.keys().next().value : undefined;
    if (oldest !== undefined) this.#cache.delete(oldest);
    this.#cache.set(cacheKey, caller);
    return caller;
  }
}

/** Digests are compared, not tokens: they are of one length, and the comparison takes as long for any guess. */
function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/**
 * That the keys cannot be had is not the token's fault: the caller may try again. Only the verifier's own words are
 * passed on, because other errors may quote the token.
 */
function refusal(cause: unknown): RpcError {
  if (isBifrostError(cause, "upstream-unavailable")) {
    return new RpcError("UNAVAILABLE", messageOf(cause), { cause });
  }
  const isVerdict = isBifrostError(cause, "unauthenticated");
  return unauthenticated(isVerdict ? messageOf(cause) : "Invalid ID token.", { cause });
}

function unauthenticated(message: string, options?: ErrorOptions): RpcError {
  return new RpcError("UNAUTHENTICATED", message, options);
}

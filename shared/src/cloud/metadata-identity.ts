/** The service's own identity, from the metadata server every Google runtime has. */
import { BifrostError } from "../domain/errors.ts";
import type { Clock } from "../domain/time.ts";
import type { Identity } from "../ports/identity.ts";

export interface MetadataOptions {
  /** `http://metadata.google.internal` in production. */
  readonly baseUrl: string;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
}

const PATH = "/computeMetadata/v1/instance/service-accounts/default";
/** Identity tokens live an hour; one is reused for at most this long. */
const REUSE_MS = 50 * 60_000;
/** The metadata server keeps tokens too, so that one may be old already: none is used so shortly before its end. */
const BEFORE_END_MS = 5 * 60_000;

export class MetadataIdentity implements Identity {
  readonly #options: MetadataOptions;
  readonly #cache = new Map<string, { token: string; until: number }>();
  /** That are being asked for: a burst of calls asks for one token, not for one each. */
  readonly #asked = new Map<string, Promise<string>>();

  constructor(options: MetadataOptions) {
    this.#options = options;
  }

  async idToken(audience: string): Promise<string> {
    const cached = this.#cache.get(audience);
    if (cached !== undefined && this.#options.clock.now() < cached.until) return cached.token;
    const asked = this.#asked.get(audience);
    if (asked !== undefined) return asked;
    const asking = this.#fetchToken(audience).finally(() => this.#asked.delete(audience));
    this.#asked.set(audience, asking);
    return asking;
  }

  async #fetchToken(audience: string): Promise<string> {
    const token = await this.#get(`/identity?audience=${encodeURIComponent(audience)}&format=full`);
    const until = Math.min(this.#options.clock.now() + REUSE_MS, endOf(token) - BEFORE_END_MS);
    this.#cache.set(audience, { token, until });
    return token;
  }

  async accessToken(): Promise<string> {
    const { access_token: token } = JSON.parse(await this.#get("/token")) as {
      access_token: string;
    };
    return token;
  }

  email(): Promise<string> {
    return this.#get("/email");
  }

  async #get(suffix: string): Promise<string> {
    const call = this.#options.fetch ?? fetch;
    try {
      const response = await call(`${this.#options.baseUrl}${PATH}${suffix}`, {
        headers: { "metadata-flavor": "Google" },
        signal: AbortSignal.timeout(5_000),
      });
      if (response.ok) return await response.text();
      await response.body?.cancel();
      throw new Error(`status ${response.status}`);
    } catch (error) {
      throw new BifrostError(
        "upstream-unavailable",
        "the metadata server gave no identity; this program runs on Google Cloud or under the local platform",
        {},
        { cause: error },
      );
    }
  }
}

/** As the token says, in milliseconds since the epoch; Infinity = it does not say. */
function endOf(token: string): number {
  const [, claims = ""] = token.split(".");
  try {
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}

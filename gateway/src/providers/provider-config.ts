/** `providers` of the file named by BIFROST_CONFIG: the AI providers that apps reach through the gateway, and how much they may ask of them. */
import * as v from "valibot";
import { LIMIT_MODES, type LimitMode } from "../limits/limiter.ts";

export interface ProviderLimit {
  /** As callers name it; `*` = of all models together. */
  readonly model: string;
  /** Each project for itself, or all of them together. */
  readonly per: "project" | "all";
  readonly requestsPerMinute: number | null;
  /** Counted when an answer says what it took, so one that is under way is not counted yet. */
  readonly tokensPerMinute: number | null;
  /** Of the requests; tokens are known too late to be lent. */
  readonly mode: LimitMode;
}

export interface ProviderConfig {
  /** First part of the path of a call: `/openai/v1/chat/completions`. */
  readonly name: string;
  readonly baseUrl: URL;
  /** Environment variable with the platform's own key; apps never see it. */
  readonly keyVariable: string;
  readonly keyHeader: "authorization" | "x-api-key" | "x-goog-api-key";
  readonly limits: readonly ProviderLimit[];
}

const MOST_PROVIDERS = 64;
const MOST_LIMITS = 256;
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

const perMinute = v.pipe(
  v.number("must be a number"),
  v.integer("must be a whole number"),
  v.minValue(1, "must be at least 1"),
  v.maxValue(1_000_000_000, "must be at most 1000000000"),
);

const limitSchema = v.pipe(
  v.strictObject({
    model: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
    per: v.optional(v.picklist(["project", "all"]), "project"),
    requests_per_minute: v.optional(perMinute),
    tokens_per_minute: v.optional(perMinute),
    mode: v.optional(v.picklist(LIMIT_MODES), "balanced"),
  }),
  v.check(
    (limit) => limit.requests_per_minute !== undefined || limit.tokens_per_minute !== undefined,
    "must have requests_per_minute or tokens_per_minute, or both",
  ),
  v.transform((limit): ProviderLimit => ({
    model: limit.model,
    per: limit.per,
    requestsPerMinute: limit.requests_per_minute ?? null,
    tokensPerMinute: limit.tokens_per_minute ?? null,
    mode: limit.mode,
  })),
);

const baseUrlSchema = v.pipe(
  v.string(),
  v.maxLength(512),
  v.check(
    isAllowed,
    "must be an https address without query, such as https://api.openai.com; http on this machine only",
  ),
  v.transform((text) => new URL(text)),
);

const providerSchema = v.pipe(
  v.strictObject({
    name: v.pipe(
      v.string(),
      v.regex(/^[a-z][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and -"),
    ),
    base_url: baseUrlSchema,
    key_env: v.pipe(
      v.string(),
      v.regex(/^[A-Z][A-Z0-9_]{0,127}$/, "must be the name of an environment variable"),
    ),
    key_header: v.optional(
      v.picklist(["authorization", "x-api-key", "x-goog-api-key"]),
      "authorization",
    ),
    limits: v.optional(v.pipe(v.array(limitSchema), v.maxLength(MOST_LIMITS)), []),
  }),
  v.transform((provider): ProviderConfig => ({
    name: provider.name,
    baseUrl: provider.base_url,
    keyVariable: provider.key_env,
    keyHeader: provider.key_header,
    limits: provider.limits,
  })),
);

export const providersSchema = v.pipe(
  v.array(providerSchema),
  v.maxLength(MOST_PROVIDERS),
  v.check(
    (providers) => new Set(providers.map(({ name }) => name)).size === providers.length,
    "must not name one provider twice",
  ),
);

function isAllowed(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash, username, password } = new URL(text);
  if (search !== "" || hash !== "" || username !== "" || password !== "") return false;
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}

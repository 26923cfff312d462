/** The AI providers that apps reach through the gateway, and how much they may ask of them. */
import type { LimitMode } from "../limits/limiter.ts";

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

export const KEY_HEADERS = ["authorization", "x-api-key", "x-goog-api-key"] as const;

export interface ProviderConfig {
  /** First part of the path of a call: `/openai/v1/chat/completions`. */
  readonly name: string;
  /** https, or http on this machine; without user, query and fragment. */
  readonly baseUrl: URL;
  /** Environment variable with the platform's own key; apps never see it. */
  readonly keyVariable: string;
  readonly keyHeader: (typeof KEY_HEADERS)[number];
  readonly limits: readonly ProviderLimit[];
}

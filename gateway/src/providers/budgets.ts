/** Which limits a call counts against: a decision, made before anything is spent. */
import type { LimitMode } from "../limits/limiter.ts";
import type { ProviderConfig, ProviderLimit } from "./provider-config.ts";

/** One bucket, shared by all nodes of the cluster. */
export interface Budget {
  readonly scope: string;
  readonly key: string;
  readonly counts: "requests" | "tokens";
  /** A second. */
  readonly rate: number;
  readonly burst: number;
  readonly mode: LimitMode;
}

/** After a pause a caller may have this many seconds' worth at once. */
const BURST_SECONDS = 10;

/** `model` "" = the call names none; limits of all models hold for it as well. */
export function budgetsOf(
  { name, limits }: Pick<ProviderConfig, "name" | "limits">,
  projectId: string,
  model: string,
): readonly Budget[] {
  const holding = limits.filter((limit) => limit.model === "*" || limit.model === model);
  return holding.flatMap((limit) => {
    // A newline is in no id and in no model that comes this far.
    const whose = `${limit.model}\n${limit.per === "all" ? "" : projectId}`;
    return bucketsOf(limit).map(({ counts, perMinute, mode }) => ({
      scope: `provider:${name}`,
      key: `${counts}\n${whose}`,
      counts,
      rate: perMinute / 60,
      burst: Math.max(1, (perMinute / 60) * BURST_SECONDS),
      mode,
    }));
  });
}

function bucketsOf({ requestsPerMinute, tokensPerMinute, mode }: ProviderLimit) {
  return [
    ...(requestsPerMinute === null
      ? []
      : [{ counts: "requests" as const, perMinute: requestsPerMinute, mode }]),
    ...(tokensPerMinute === null
      ? []
      : [{ counts: "tokens" as const, perMinute: tokensPerMinute, mode: "balanced" as const }]),
  ];
}

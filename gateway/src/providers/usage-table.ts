/** What each project asked of each provider and model since the start of this node, in bounded memory. */

export interface UsageRow {
  readonly provider: string;
  readonly model: string;
  readonly projectId: string;
  readonly calls: number;
  /** Answered 429 by the gateway itself. */
  readonly limited: number;
  /** Answered 5xx, or not at all. */
  readonly failed: number;
  readonly tokens: number;
  /** Part of `tokens` that no answer stated. */
  readonly estimatedTokens: number;
}

export type CallOutcome =
  | { readonly kind: "limited" }
  | { readonly kind: "failed" }
  | { readonly kind: "answered"; readonly tokens: number; readonly isEstimate: boolean };

/** Callers choose the names of models: beyond so many rows they are counted as one. */
const MOST_ROWS = 4096;
const OTHER = "(other)";

export class UsageTable {
  private readonly table = new Map<string, UsageRow>();

  add(provider: string, model: string, projectId: string, outcome: CallOutcome): void {
    const key = `${provider}\n${model}\n${projectId}`;
    const isKnown = this.table.has(key);
    if (!isKnown && this.table.size >= MOST_ROWS && model !== OTHER) {
      return this.add(provider, OTHER, projectId, outcome);
    }
    const row = this.table.get(key) ?? emptyRow(provider, model, projectId);
    this.table.set(key, plus(row, outcome));
    return undefined;
  }

  rows(): readonly UsageRow[] {
    return [...this.table.values()];
  }
}

function emptyRow(provider: string, model: string, projectId: string): UsageRow {
  const counts = { calls: 0, limited: 0, failed: 0, tokens: 0, estimatedTokens: 0 };
  return { provider, model, projectId, ...counts };
}

function plus(row: UsageRow, outcome: CallOutcome): UsageRow {
  const calls = row.calls + 1;
  if (outcome.kind === "limited") return { ...row, calls, limited: row.limited + 1 };
  if (outcome.kind === "failed") return { ...row, calls, failed: row.failed + 1 };
  const { tokens, isEstimate } = outcome;
  return {
    ...row,
    calls,
    tokens: row.tokens + tokens,
    estimatedTokens: row.estimatedTokens + (isEstimate ? tokens : 0),
  };
}

/** What a reader of the log has seen, one line per commit; and whether that is all there was, in order. */
import type { CommitRecord } from "../../document.ts";

type SeenChange = readonly [name: string, before: string | null, after: string | null];

interface SeenCommit {
  readonly sequence: number;
  readonly changes: readonly SeenChange[];
}

export function seenLine({ sequence, changes }: CommitRecord): string {
  const seen: SeenCommit = {
    sequence,
    changes: changes.map(({ name, before, after }) => [
      name,
      before?.updateTime ?? null,
      after?.updateTime ?? null,
    ]),
  };
  return `${JSON.stringify(seen)}\n`;
}

export interface SeenSummary {
  readonly commits: number;
  /** Commits that were seen once more after a kill. */
  readonly repeated: number;
  /** Empty when every commit was seen, none before its forerunner, and each found what the one before it left. */
  readonly faults: readonly string[];
}

export function checkSeen(text: string): SeenSummary {
  const faults: string[] = [];
  const lines: string[] = [];
  const versions = new Map<string, string>();
  let repeated = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const { sequence, changes } = JSON.parse(line) as SeenCommit;
    if (sequence <= lines.length) {
      repeated += 1;
      if (lines[sequence - 1] !== line) faults.push(`commit ${sequence} was shown in two ways`);
      continue;
    }
    if (sequence > lines.length + 1) faults.push(`commit ${sequence} came after ${lines.length}`);
    lines[sequence - 1] = line;
    for (const [name, before, after] of changes) {
      const left = versions.get(name) ?? null;
      if (before !== left)
        faults.push(`commit ${sequence} found ${before} at ${name}, not ${left}`);
      if (after === null) versions.delete(name);
      else versions.set(name, after);
    }
  }
  return { commits: lines.length, repeated, faults };
}

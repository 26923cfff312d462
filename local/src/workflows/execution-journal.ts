/**
 * Which executions were accepted and have not ended, on disk, so that a restart takes them up again. Written before
 * an execution begins; it outlives the process being killed, and a power cut as far as the system wrote its pages.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import * as v from "valibot";

const begunSchema = v.object({
  workflowId: v.string(),
  executionId: v.string(),
  argument: v.string(),
  labels: v.record(v.string(), v.string()),
});
/** What it takes to run an execution again from its first step. */
export type BegunExecution = Readonly<v.InferOutput<typeof begunSchema>>;

const lineSchema = v.union([v.object({ begun: begunSchema }), v.object({ ended: v.string() })]);

export class ExecutionJournal {
  /** Begun by an earlier process and not ended, oldest first. */
  readonly interrupted: readonly BegunExecution[];
  readonly #file: number;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const path = join(dir, "executions.jsonl");
    this.interrupted = existsSync(path) ? openIn(readFileSync(path, "utf8")) : [];
    // Rewritten at each start: a torn last line goes, and the file stays as small as one run makes it.
    const lines = this.interrupted.map((begun) => `${JSON.stringify({ begun })}\n`);
    writeFileSync(`${path}.new`, lines.join(""), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#file = openSync(path, "a");
  }

  begin({ workflowId, executionId, argument, labels }: BegunExecution): void {
    this.#append({ begun: { workflowId, executionId, argument, labels } });
  }

  end(executionId: string): void {
    this.#append({ ended: executionId });
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(line: v.InferInput<typeof lineSchema>): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

function openIn(text: string): readonly BegunExecution[] {
  const open = new Map<string, BegunExecution>();
  for (const line of text.split("\n")) {
    const parsed = v.safeParse(lineSchema, parseLine(line));
    if (!parsed.success) continue; // the torn end of a write that nobody was told about
    const { output } = parsed;
    if ("begun" in output) open.set(output.begun.executionId, output.begun);
    else open.delete(output.ended);
  }
  return [...open.values()];
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

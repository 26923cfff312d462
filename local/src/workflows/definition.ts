/** Reads workflow YAML: text → a program that can run, or every problem with its step, path and line. */
import { isMap as isYamlMap, isNode, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { compileRoutines } from "./compile-routine.ts";
import { LIMITS } from "./limits.ts";
import type { Program } from "./program.ts";

export interface DefinitionProblem {
  /** Step the problem stands in, or the routine's name above the steps. */
  readonly step: string;
  /** Keys from the top of the file, for example `main.steps.2.build.call`. */
  readonly path: string;
  /** Line in the source, from 1; 0 when the text is not YAML at all. */
  readonly line: number;
  readonly message: string;
}

export type DefinitionResult =
  | { readonly ok: true; readonly program: Program }
  | { readonly ok: false; readonly problems: readonly DefinitionProblem[] };

/** Never throws: whatever is wrong with the text is a problem in the answer. */
export function readDefinition(source: string): DefinitionResult {
  const bytes = Buffer.byteLength(source);
  if (bytes > LIMITS.sourceBytes) {
    return refused(`the source has ${bytes} bytes; ${LIMITS.sourceBytes} are allowed`);
  }
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      step: "",
      path: "",
      line: error.linePos?.[0].line ?? 0,
      message: `not valid YAML: ${error.message.split("\n")[0] ?? ""}`,
    }));
    return { ok: false, problems };
  }
  const problems: DefinitionProblem[] = [];
  const program = compileRoutines(document.toJS({ maxAliasCount: 100 }), {
    lineOf: (path) => lineOf(document, lines, path),
    report: (problem) => problems.push(problem),
  });
  return problems.length === 0 ? { ok: true, program } : { ok: false, problems };
}

/** One line per problem, for logs and error messages. */
export function describeProblem(problem: DefinitionProblem): string {
  const step = problem.step === "" ? "" : ` step "${problem.step}"`;
  const path = problem.path === "" ? "" : ` (${problem.path})`;
  return `line ${problem.line}:${step} ${problem.message}${path}`;
}

function refused(message: string): DefinitionResult {
  return { ok: false, problems: [{ step: "", path: "", line: 0, message }] };
}

function lineOf(
  document: Document,
  lines: LineCounter,
  path: readonly (string | number)[],
): number {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

/** Where the key (or list item) that the path ends with starts. */
function offsetOf(document: Document, path: readonly (string | number)[]): number | undefined {
  const parent = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isYamlMap(parent)) {
    const pair = parent.items.find((item) => isNode(item.key) && String(item.key) === String(last));
    if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0];
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

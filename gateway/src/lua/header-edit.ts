/** Edits of header lines as a decision asks for them: true replacement, whatever the client or the app sent. */
import type { HeaderEdit } from "../policies/policy-chain.ts";

export type HeaderOperation =
  | { readonly kind: "set"; readonly name: string; readonly value: string }
  | { readonly kind: "add"; readonly name: string; readonly value: string }
  | { readonly kind: "remove"; readonly name: string };

class LinesEdit implements HeaderEdit {
  readonly removed: readonly string[];
  readonly added: string;
  readonly operations: readonly HeaderOperation[];
  private readonly byLength: readonly (readonly string[] | undefined)[];

  constructor(
    operations: readonly HeaderOperation[],
    removed: ReadonlySet<string>,
    added: readonly HeaderOperation[],
  ) {
    this.operations = operations;
    this.removed = [...removed];
    this.added = added
      .map((line) => (line.kind === "remove" ? "" : `${line.name}: ${line.value}\r\n`))
      .join("");
    const byLength: string[][] = [];
    for (const name of removed) (byLength[name.length] ??= []).push(name);
    this.byLength = byLength;
  }

  apply(block: string): string {
    const { byLength } = this;
    if (byLength.length === 0) return block + this.added;
    let kept = "";
    let runStart = 0;
    for (let at = 0; at < block.length;) {
      const end = block.indexOf("\n", at) + 1;
      const names = byLength[block.indexOf(":", at) - at];
      if (names !== undefined && hasOneOf(block, at, names)) {
        if (at > runStart) kept += block.slice(runStart, at);
        runStart = end;
      }
      at = end;
    }
    if (runStart === 0) return block + this.added;
    return kept + block.slice(runStart) + this.added;
  }
}

function hasOneOf(block: string, at: number, names: readonly string[]): boolean {
  for (const name of names) if (hasName(block, at, name)) return true;
  return false;
}

const HYPHEN = 45;
const UNDERSCORE = 95;

/** `name` is in the one spelling. */
function hasName(block: string, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (spelled(block.charCodeAt(at + i)) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function spelled(code: number): number {
  if (code === UNDERSCORE) return HYPHEN;
  return code >= 65 && code <= 90 ? code | 32 : code;
}

/**
 * The one spelling of a name: lower case, and `-` for `_`. CGI and its heirs (WSGI, Rack, PHP) take `x_user` and
 * `x-user` for the same field: what a policy sets or removes must not come back in another spelling.
 */
function oneSpelling(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** In their order: the last of a name wins, and what was added before a removal goes with it. null for none. */
export function headerEdit(operations: readonly HeaderOperation[]): HeaderEdit | null {
  if (operations.length === 0) return null;
  const removed = new Set<string>();
  let added: HeaderOperation[] = [];
  for (const operation of operations) {
    const name = oneSpelling(operation.name);
    if (operation.kind !== "add") {
      removed.add(name);
      added = added.filter((line) => oneSpelling(line.name) !== name);
    }
    if (operation.kind !== "remove") added.push(operation);
  }
  return new LinesEdit(operations, removed, added);
}

/** Both edits as one, `first` before `second`. */
export function joinEdits(first: HeaderEdit | null, second: HeaderEdit | null): HeaderEdit | null {
  if (first === null) return second;
  if (second === null) return first;
  return headerEdit([...operationsOf(first), ...operationsOf(second)]);
}

function operationsOf(edit: HeaderEdit): readonly HeaderOperation[] {
  if (edit instanceof LinesEdit) return edit.operations;
  throw new TypeError("only edits made by headerEdit can be joined");
}

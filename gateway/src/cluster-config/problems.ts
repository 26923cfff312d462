/** What is wrong with a configuration file: every problem with its place, what stands there, what may and what to do. */
import { BifrostError } from "@bifrost/shared/domain/errors";

export type JsonPath = readonly (string | number)[];

export interface Problem {
  readonly path: JsonPath;
  readonly found: string;
  readonly allowed: string;
  readonly remedy: string;
}

const MOST_SHOWN = 50;
const LONGEST_SHOWN = 60;

export class Problems {
  private readonly found: Problem[] = [];

  add(problem: Problem): void {
    this.found.push(problem);
  }

  /** Whether there is one at this place or below it. */
  has(path: JsonPath): boolean {
    return this.found.some((one) => path.every((part, index) => one.path[index] === part));
  }

  get count(): number {
    return this.found.length;
  }

  /** The first sentence of each is `where: found …`, so that `grep` finds the place. */
  toError(file: string): BifrostError {
    const lines = this.found.slice(0, MOST_SHOWN).map(problemLine);
    const more = this.found.length - lines.length;
    if (more > 0) lines.push(`${more} more problems are not listed; fix these first`);
    const head = `${file} has ${this.found.length} problem${this.found.length === 1 ? "" : "s"}:`;
    const paths = this.found.slice(0, MOST_SHOWN).map(({ path }) => pathText(path));
    return new BifrostError("cluster-config-invalid", [head, ...lines].join("\n"), { file, paths });
  }
}

function problemLine({ path, found, allowed, remedy }: Problem): string {
  return `${pathText(path)}: found ${found}; allowed: ${allowed}; ${remedy}`;
}

/** `cluster_config.discovery[1].type`. */
export function pathText(path: JsonPath): string {
  const text = path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${shownName(part)}`))
    .join("");
  return text === "" ? "the file" : text.replace(/^\./, "");
}

function shownName(name: string): string {
  return /^\w{1,60}$/.test(name) ? name : quoted(name);
}

/** A value in a few words. Of a secret, and of what stands where an address may carry one, only the kind is told. */
export function described(value: unknown): string {
  if (typeof value === "string") return `the string ${quoted(value)}`;
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  return kindOf(value);
}

export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Shortened; user and password before the host of an address are left out. */
export function quoted(text: string): string {
  const safe = text.replaceAll(/^([a-z+]*:?\/\/)?[^/]*@/gi, "$1…@");
  return JSON.stringify(safe.length <= LONGEST_SHOWN ? safe : `${safe.slice(0, LONGEST_SHOWN)}…`);
}

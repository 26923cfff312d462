/** Where each key and value of a TOML text stands. Only positions are taken from this parser's tree, never values. */
import { parseTOML } from "toml-eslint-parser";

type Tree = ReturnType<typeof parseTOML>;
type TopLevelNode = Tree["body"][0]["body"][number];
type TableNode = Extract<TopLevelNode, { type: "TOMLTable" }>;
type KeyValueNode = TableNode["body"][number];
type Location = Tree["loc"];

/** 1-based line and column; `length` in UTF-16 code units of that line, at least 1. */
export interface Span {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

export interface Positions {
  /** The key, or the header of a table, at `path`; its nearest ancestor when it is not in the text. */
  key(path: readonly string[]): Span;
  /** The value at `path`; falls back as `key` does. */
  value(path: readonly string[]): Span;
}

interface Entry {
  readonly key: Span;
  readonly value: Span;
}

/** Diagnostics name a table or a key in it, nothing deeper; a dotted key can be 30,000 levels deep. */
const DEEPEST = 2;

const FILE_START: Span = { line: 1, column: 1, length: 1 };

/** Never throws: a text this parser refuses has every position at its start. */
export function indexPositions(text: string): Positions {
  const lines = text.split("\n");
  const entries = new Map<string, Entry>();
  const put = (path: readonly string[], key: Location, value: Location): void => {
    const id = JSON.stringify(path);
    if (!entries.has(id)) entries.set(id, { key: spanOf(lines, key), value: spanOf(lines, value) });
  };
  try {
    for (const node of parseTOML(text, { tomlVersion: "1.1" }).body[0].body) {
      if (node.type === "TOMLTable") putTable(node, put);
      else putKeyValue(node, [], put);
    }
  } catch {
    entries.clear();
  }
  const find = (path: readonly string[]): Entry => {
    for (let length = path.length; length > 0; length -= 1) {
      const entry = entries.get(JSON.stringify(path.slice(0, length)));
      if (entry !== undefined) return length === path.length ? entry : keyOnly(entry);
    }
    return { key: FILE_START, value: FILE_START };
  };
  return { key: (path) => find(path).key, value: (path) => find(path).value };
}

function keyOnly(entry: Entry): Entry {
  return { key: entry.key, value: entry.key };
}

type Put = (path: readonly string[], key: Location, value: Location) => void;

function putTable(node: TableNode, put: Put): void {
  const path = node.resolvedKey.slice(0, DEEPEST).filter((part) => typeof part === "string");
  put(path, node.key.loc, node.key.loc);
  path.forEach((_, index) => put(path.slice(0, index + 1), node.key.loc, node.key.loc));
  if (node.resolvedKey.length >= DEEPEST) return;
  for (const pair of node.body) putKeyValue(pair, path, put);
}

function putKeyValue(node: KeyValueNode, base: readonly string[], put: Put): void {
  const keys = node.key.keys.slice(0, DEEPEST - base.length);
  const names = keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value));
  const path = [...base, ...names];
  names.forEach((_, index) => {
    const part = keys[index] ?? node.key;
    put(path.slice(0, base.length + index + 1), part.loc, node.value.loc);
  });
  if (node.value.type !== "TOMLInlineTable" || path.length >= DEEPEST) return;
  for (const pair of node.value.body) putKeyValue(pair, path, put);
}

/** Columns of the tree are 0-based; a span that runs over several lines ends with its first one. */
function spanOf(lines: readonly string[], location: Location): Span {
  const line = Math.min(Math.max(location.start.line, 1), lines.length);
  const text = (lines[line - 1] ?? "").replace(/\r$/, "");
  const start = Math.min(location.start.column, text.length);
  const end = location.end.line === line ? Math.min(location.end.column, text.length) : text.length;
  return { line, column: start + 1, length: Math.max(1, end - start) };
}

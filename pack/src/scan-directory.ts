/** What goes into the layer, in an order that depends on nothing but the names. */
import { lstat, readdir, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { SITE_LIMITS } from "@bifrost/shared/domain/site-manifest";
import { PackError } from "./pack-error.ts";
import type { PackRequest } from "./parse-arguments.ts";

export interface LayerEntry {
  /** Path inside the image without a leading slash. */
  readonly name: string;
  readonly type: "file" | "directory" | "symlink";
  /** Where the bytes are; for files only. */
  readonly source: string;
  readonly size: number;
  /** For symlinks only. */
  readonly target: string;
  readonly isExecutable: boolean;
}

export interface ScanLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
  /** Links are kept as they are unless they are refused. */
  readonly allowsLinks: boolean;
}

const APP_LIMITS: ScanLimits = { maxFiles: 250_000, maxBytes: 2 * 1024 ** 3, allowsLinks: true };

/** What can be published later is known while the build can still say so. */
const SITE_SCAN_LIMITS: ScanLimits = {
  maxFiles: SITE_LIMITS.files,
  maxBytes: SITE_LIMITS.bytes,
  allowsLinks: false,
};

export function limitsOf({ command }: Pick<PackRequest, "command">): ScanLimits {
  return command === undefined ? SITE_SCAN_LIMITS : APP_LIMITS;
}

/** Entries of `dir` placed under `prefix`, sorted by the bytes of their names; `.git` is left out. */
export async function scanDirectory(
  dir: string,
  prefix: string,
  limits: ScanLimits,
): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  let bytes = 0;
  const pending: string[] = [""];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const child of await list(join(dir, at))) {
      if (child === ".git") continue;
      const relative = at === "" ? child : `${at}/${child}`;
      const entry = await describe(join(dir, relative), relative, prefix);
      if (entry.type === "symlink" && !limits.allowsLinks)
        throw new PackError(`"${relative}" is a link; a static site holds files, copy it`);
      entries.push(entry);
      bytes += entry.size;
      requireWithin(entries.length, bytes, limits, relative);
      if (entry.type === "directory") pending.push(relative);
    }
  }
  return sortEntries(entries);
}

/** Directories leading to `path` (`a/b/c` gives `a`, `a/b`, `a/b/c`). */
export function directoryEntries(path: string): LayerEntry[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, index) => directoryEntry(parts.slice(0, index + 1).join("/")));
}

export function sortEntries(entries: readonly LayerEntry[]): LayerEntry[] {
  const keyed = entries.map((entry) => ({ entry, key: Buffer.from(entry.name) }));
  return keyed.toSorted((a, b) => Buffer.compare(a.key, b.key)).map(({ entry }) => entry);
}

function directoryEntry(name: string): LayerEntry {
  return { name, type: "directory", source: "", size: 0, target: "", isExecutable: true };
}

async function describe(path: string, relative: string, prefix: string): Promise<LayerEntry> {
  const name = `${prefix}/${relative}`;
  const stats = await lstat(path);
  if (stats.isDirectory()) return directoryEntry(name);
  if (stats.isSymbolicLink()) {
    const target = await readlink(path);
    requireInside(name, target);
    return { name, type: "symlink", source: "", size: 0, target, isExecutable: true };
  }
  if (stats.isFile()) {
    const isExecutable = (stats.mode & 0o111) !== 0;
    return { name, type: "file", source: path, size: stats.size, target: "", isExecutable };
  }
  throw new PackError(
    `"${relative}" is neither file, directory nor link; remove it before the image is made`,
  );
}

function requireInside(name: string, target: string): void {
  if (target.startsWith("/")) return;
  const landed = posix.normalize(posix.join(posix.dirname(name), target));
  if (landed !== ".." && !landed.startsWith("../")) return;
  throw new PackError(`the link "${name}" points above the image's root ("${target}")`);
}

function requireWithin(files: number, bytes: number, limits: ScanLimits, at: string): void {
  if (files > limits.maxFiles) {
    throw new PackError(
      `more than ${limits.maxFiles} files (reached at "${at}"); leave build leftovers out`,
    );
  }
  if (bytes > limits.maxBytes) {
    throw new PackError(
      `more than ${limits.maxBytes} bytes (reached at "${at}"); leave build leftovers out`,
    );
  }
}

async function list(dir: string): Promise<string[]> {
  const names = await readdir(dir);
  const unreadable = names.find((name) => name.includes("\uFFFD"));
  if (unreadable === undefined) return names;
  throw new PackError(`a file name in "${dir}" is not valid UTF-8 ("${unreadable}")`);
}

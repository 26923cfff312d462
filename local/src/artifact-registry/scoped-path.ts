/** Resolves paths of an archive inside one directory, following links as if that directory were `/`. */
import { lstat, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { isMissing } from "./durable-file.ts";

const MAX_LINKS = 40;

/** Path components of an archive entry. Throws for an absolute path, `..` or a NUL. */
export function safeComponents(name: string): string[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (!name.startsWith("/") && !parts.includes("..") && !name.includes("\0")) return parts;
  throw new BifrostError(
    "data-corrupt",
    `the archive entry "${name.slice(0, 200)}" would leave the directory it is unpacked to`,
    { entry: name.slice(0, 200) },
  );
}

/**
 * Host path of `components` below `root` with every symlink on the way resolved inside `root`; the last
 * component itself is not followed. The result is always below `root`.
 */
export async function resolveInside(root: string, components: readonly string[]): Promise<string> {
  const last = components.at(-1);
  if (last === undefined) return root;
  const pending = components.slice(0, -1);
  let resolved: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === "..") {
      resolved.pop();
      continue;
    }
    const target = await linkTarget(join(root, ...resolved, part));
    if (target === undefined) {
      resolved.push(part);
      continue;
    }
    if (++links > MAX_LINKS) {
      throw new BifrostError("data-corrupt", `the archive has a loop of links at "${part}"`);
    }
    if (target.startsWith("/")) resolved = [];
    pending.unshift(...target.split("/").filter((piece) => piece !== "" && piece !== "."));
  }
  return join(root, ...resolved, last);
}

/**
 * The text to store for a symlink at `components`: absolute targets become relative ones that mean the same
 * under any root. Throws for a target that climbs above the root.
 */
export function safeLinkTarget(components: readonly string[], target: string): string {
  const depth = components.length - 1;
  if (target.startsWith("/")) {
    const inside = posix.normalize(target).slice(1);
    return `${"../".repeat(depth)}${inside}` || ".";
  }
  const landed = posix.normalize([...components.slice(0, -1), target].join("/"));
  if (landed !== ".." && !landed.startsWith("../")) return target;
  throw new BifrostError(
    "data-corrupt",
    `the link "${components.join("/")}" points outside the archive ("${target.slice(0, 200)}")`,
    { entry: components.join("/") },
  );
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

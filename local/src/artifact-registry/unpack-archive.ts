/**
 * Unpacks an untrusted tar stream below one directory: no entry can leave it, special files are skipped,
 * setuid, setgid and sticky bits are dropped, and size and number are capped.
 */
import { createWriteStream } from "node:fs";
import { chmod, link, lstat, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { extract, type Header } from "tar-stream";
import { isMissing } from "./durable-file.ts";
import { resolveInside, safeComponents, safeLinkTarget } from "./scoped-path.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

export interface UnpackOptions {
  readonly root: string;
  /** Bytes of file content allowed. */
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Leading path components to drop, as `tar --strip-components`; entries with no more than that are skipped. */
  readonly stripComponents?: number;
  /** Whether `.wh.` names delete what an earlier layer put there. */
  readonly hasWhiteouts?: boolean;
}

/** Reads `archive` (an uncompressed tar) to its end. Throws data-corrupt or body-too-large. */
export async function unpackArchive(archive: Readable, options: UnpackOptions): Promise<void> {
  const budget = { bytes: options.maxBytes, entries: options.maxEntries };
  const entries = extract();
  archive.once("error", (error) => entries.destroy(error));
  archive.pipe(entries);
  try {
    for await (const entry of entries) {
      spend(budget, entry.header);
      const components = safeComponents(entry.header.name).slice(options.stripComponents ?? 0);
      const content = entry as unknown as AsyncIterable<Uint8Array> & { resume(): void };
      if (components.length > 0) await place(options, components, entry.header, content);
      content.resume();
    }
  } catch (error) {
    archive.destroy();
    if (error instanceof BifrostError) throw error;
    throw new BifrostError("data-corrupt", `the archive cannot be read: ${String(error)}`);
  }
}

function spend(budget: { bytes: number; entries: number }, header: Header): void {
  budget.bytes -= header.size;
  budget.entries -= 1;
  if (budget.bytes >= 0 && budget.entries >= 0) return;
  throw new BifrostError(
    "body-too-large",
    `the archive exceeds its cap of ${budget.bytes < 0 ? "bytes" : "entries"} at "${header.name.slice(0, 200)}"`,
  );
}

async function place(
  options: UnpackOptions,
  components: readonly string[],
  header: Header,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const path = await resolveInside(options.root, components);
  const name = components.at(-1) ?? "";
  if (options.hasWhiteouts === true && name.startsWith(WHITEOUT)) return whiteOut(path, name);
  const parent = dirname(path);
  await makeDirectory(parent);
  switch (header.type) {
    case "directory":
      await makeDirectory(path);
      return chmod(path, (header.mode & 0o777) | 0o700);
    case "file":
    case "contiguous-file":
      await replace(path);
      await writeContent(path, content);
      return chmod(path, header.mode & 0o777);
    case "symlink":
      await replace(path);
      return symlink(safeLinkTarget(components, header.linkname), path);
    case "link":
      return hardLink(options, header, path);
    case "block-device":
    case "character-device":
    case "fifo":
      return undefined;
  }
}

async function hardLink(options: UnpackOptions, header: Header, path: string): Promise<void> {
  const components = safeComponents(header.linkname).slice(options.stripComponents ?? 0);
  const target = await resolveInside(options.root, components);
  const found = await lstat(target).catch(() => undefined);
  if (found?.isFile() !== true) {
    throw new BifrostError(
      "data-corrupt",
      `"${header.name}" links to "${header.linkname}", no file`,
    );
  }
  if (target === path) return;
  await replace(path);
  await link(target, path);
}

async function writeContent(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  const closed = new Promise<void>((resolve, reject) => {
    file.once("close", resolve);
    file.once("error", reject);
  });
  for await (const chunk of content) {
    if (!file.write(chunk))
      await Promise.race([new Promise<void>((go) => file.once("drain", go)), closed]);
  }
  file.end();
  await closed;
}

async function whiteOut(path: string, name: string): Promise<void> {
  if (name !== OPAQUE) {
    return rm(join(dirname(path), name.slice(WHITEOUT.length)), { recursive: true, force: true });
  }
  const parent = dirname(path);
  await makeDirectory(parent);
  for (const child of await readdir(parent)) {
    await rm(join(parent, child), { recursive: true, force: true });
  }
}

/** Makes a directory where something else may be; links on the way were resolved by the caller. */
async function makeDirectory(path: string): Promise<void> {
  const found = await statOrNothing(path);
  if (found?.isDirectory() === true) return;
  if (found !== undefined) await rm(path, { force: true });
  await makeDirectory(dirname(path));
  await mkdir(path, { mode: 0o755 });
}

async function replace(path: string): Promise<void> {
  if ((await statOrNothing(path)) !== undefined) await rm(path, { recursive: true, force: true });
}

async function statOrNothing(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

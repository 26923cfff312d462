/** Writes a snapshot in slices, beside everything else the process does. */
import { dirname } from "node:path";
import type { StoredDocument } from "../document.ts";
import { seal } from "./checked-line.ts";
import { writeAll, type LogDevice } from "./log-device.ts";
import type { SnapshotFoot, SnapshotHead } from "./snapshot-format.ts";

/** Turning this much into text and checking it takes about 2 ms, for which nothing else runs. */
const BLOCK_BYTES = 256 * 1024;

export class SnapshotAbandoned extends Error {}

/**
 * Resolves with the size once the snapshot is durable at `path`; until then there is at most `<path>.draft`.
 * Throws SnapshotAbandoned soon after `isAbandoned` says so.
 */
export async function writeSnapshot(
  device: LogDevice,
  path: string,
  head: SnapshotHead,
  documents: readonly StoredDocument[],
  isAbandoned: () => boolean,
): Promise<number> {
  const draft = `${path}.draft`;
  const file = await device.create(draft);
  try {
    let bytes = 0;
    for (const line of linesOf(head, documents)) {
      if (isAbandoned()) throw new SnapshotAbandoned();
      const block = Buffer.from(line);
      await writeAll(device, file, block, bytes);
      bytes += block.length;
    }
    await device.sync(file);
    await device.rename(draft, path);
    await device.syncDirectory(dirname(path));
    return bytes;
  } catch (error) {
    // What cannot be removed now is removed at the next start.
    await device.remove(draft).catch(() => undefined);
    throw error;
  } finally {
    await device.close(file).catch(() => undefined);
  }
}

function* linesOf(head: SnapshotHead, documents: readonly StoredDocument[]): Generator<string> {
  yield seal(JSON.stringify(head));
  let block: string[] = [];
  let length = 0;
  for (const document of documents) {
    const text = JSON.stringify(document);
    block.push(text);
    length += text.length;
    if (length >= BLOCK_BYTES) {
      yield seal(`[${block.join(",")}]`);
      block = [];
      length = 0;
    }
  }
  if (block.length > 0) yield seal(`[${block.join(",")}]`);
  yield seal(JSON.stringify({ documents: documents.length } satisfies SnapshotFoot));
}

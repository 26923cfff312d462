/** Keeps the file of the access log from filling the disk: a large one is put aside, in place of the one before. */
import { rename, stat } from "node:fs/promises";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";

const LOOK_EVERY_MS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

export interface RotationOptions {
  readonly file: string;
  readonly timers: Timers;
  readonly log: Logger;
  /** Makes all that write to the file open it anew. */
  readonly reopen: () => void;
  readonly maxBytes?: number;
}

/** Until the returned function is called. Who writes meanwhile writes to the file put aside, so no line is lost. */
export function rotateLog({
  file,
  timers,
  log,
  reopen,
  maxBytes = MAX_BYTES,
}: RotationOptions): () => void {
  let isStopped = false;
  const later = (): Timer => timers.after(LOOK_EVERY_MS, () => void look());
  let timer = later();
  async function look(): Promise<void> {
    try {
      if (await rotateIfLarge(file, maxBytes)) reopen();
    } catch (error) {
      log.error("access log not rotated", { error: messageOf(error) });
    }
    if (!isStopped) timer = later();
  }
  return () => {
    isStopped = true;
    timer.cancel();
  };
}

async function rotateIfLarge(file: string, maxBytes: number): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  // A device, such as /dev/stdout, is not ours to rename.
  if (found === null || !found.isFile() || found.size <= maxBytes) return false;
  await rename(file, `${file}.1`);
  return true;
}

/** Appends log lines to a file that starts anew when it has grown large. */
import { appendFileSync, mkdirSync, renameSync, statSync } from "node:fs";
import path from "node:path";

const MAX_BYTES = 32 * 1024 * 1024;
const CHECK_EVERY = 1_000;

/** Synchronous: a line written just before a crash is in the file. A full disk loses log lines, never the platform. */
export function fileSink(file: string): (line: string) => void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  let written = 0;
  return (line) => {
    try {
      if (written++ % CHECK_EVERY === 0) rotate(file);
      appendFileSync(file, line, { mode: 0o600 });
    } catch {
      // Nowhere is left to say it.
    }
  };
}

function rotate(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_BYTES) renameSync(file, `${file}.1`);
}

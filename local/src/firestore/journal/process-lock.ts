/** At most one live process owns a data directory; a lock left by a dead one is taken over. */
import { readFileSync, renameSync, rmSync, writeFileSync, linkSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";

/** Throws BifrostError "already-running". The answer releases the lock. */
export function acquireProcessLock(path: string): () => void {
  const mine = `${process.pid} ${startOf(process.pid)} ${randomUUID()}\n`;
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, mine);
  try {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if (linked(draft, path)) return () => release(path, mine);
      takeOverIfDead(path);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new BifrostError("already-running", `The lock ${path} keeps changing hands; try again.`, {
    path,
  });
}

/** `link` fails when the name exists, so the lock appears at once and whole. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function takeOverIfDead(path: string): void {
  const holder = contentOf(path);
  const [pid = "", start = ""] = holder.split(" ");
  if (holder !== "" && isAlive(Number(pid)) && startOf(Number(pid)) === start) {
    throw new BifrostError(
      "already-running",
      `Process ${pid} already uses this data directory (lock ${path}); stop it first.`,
      { path, pid: Number(pid) },
    );
  }
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    // Someone quicker may have put a fresh lock here between reading and renaming: give it back.
    if (contentOf(aside) !== holder) linked(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function release(path: string, mine: string): void {
  if (contentOf(path) === mine) rmSync(path, { force: true });
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Start time of a process, which tells it from a later one with the same id; "-" where /proc is missing. */
function startOf(pid: number): string {
  const stat = contentOf(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "-";
}

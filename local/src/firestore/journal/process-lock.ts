/** At most one live process owns a data directory; a lock left by a dead one is taken over. */
import { randomUUID } from "node:crypto";
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";

/** With the pause between them about a tenth of a second: what they wait for takes microseconds. */
const ATTEMPTS = 50;
const PAUSE_MS = 2;

/*
 * A lock is taken by `link`, which fails when the name exists. The lock of a dead process is first moved aside by
 * `rename`, which two may do at once: the slower one then moves the fresh lock of the quicker one. It gives it back,
 * and until it has, the file that lies aside keeps everybody else out: whoever takes the free name looks there too.
 */

/** Throws BifrostError "already-running". The answer releases the lock. */
export function acquireProcessLock(path: string): () => void {
  const mine = `${process.pid} ${startOf(process.pid)} ${randomUUID()}\n`;
  const draft = `${path}.draft-${randomUUID()}`;
  writeFileSync(draft, mine);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (!linked(draft, path)) takeOverIfDead(path);
      else if (asidesOf(path).every((aside) => holderOf(contentOf(aside)) === null)) {
        return () => release(path, mine);
      } else {
        release(path, mine);
        pause();
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const [holder = null] = asidesOf(path).map((aside) => holderOf(contentOf(aside)));
  throw alreadyRunning(path, holder);
}

/** The lock appears at once and whole, or not at all: when there is one, or when its owner has taken `source` back. */
function linked(source: string, path: string): boolean {
  try {
    linkSync(source, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOENT") return false;
    throw error;
  }
}

function takeOverIfDead(path: string): void {
  const found = contentOf(path);
  const holder = holderOf(found);
  if (holder !== null) throw alreadyRunning(path, holder);
  const aside = `${path}.aside-${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (contentOf(aside) === found || isGivenBack(aside, path)) rmSync(aside, { force: true });
}

/** Whoever has taken the free name meanwhile sees the file aside and lets go of it again. */
function isGivenBack(aside: string, path: string): boolean {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (linked(aside, path) || !existsSync(aside)) return true;
    pause();
  }
  return false;
}

function release(path: string, mine: string): void {
  for (const place of [path, ...asidesOf(path)]) {
    if (contentOf(place) === mine) rmSync(place, { force: true });
  }
}

function asidesOf(path: string): string[] {
  const prefix = `${basename(path)}.aside-`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(dirname(path), name));
}

function alreadyRunning(path: string, pid: number | null): BifrostError {
  return new BifrostError(
    "already-running",
    pid === null
      ? `The lock ${path} keeps changing hands; try again.`
      : `Process ${pid} already uses this data directory (lock ${path}); stop it first.`,
    { path, pid },
  );
}

/** The process that wrote this into a lock, if it still lives. */
function holderOf(content: string): number | null {
  const [pid = "", start = ""] = content.split(" ");
  const isHeld = content !== "" && isAlive(Number(pid)) && startOf(Number(pid)) === start;
  return isHeld ? Number(pid) : null;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
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

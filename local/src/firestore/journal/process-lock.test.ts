import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../testing/firestore-fixture.ts";
import { acquireProcessLock } from "./process-lock.ts";

const SOURCE = new URL("process-lock.ts", import.meta.url).href;
/** Takes the lock, says so, and ends when its input ends; with "keep" without giving the lock back. */
const HOLDER = `
import { acquireProcessLock } from ${JSON.stringify(SOURCE)};
try {
  const release = acquireProcessLock(process.argv[1]);
  process.stdout.write("held");
  process.stdin.resume().once("end", () => { if (process.argv[2] !== "keep") release(); });
} catch (error) {
  process.stdout.write(error.code);
}`;

let directory = temporaryDirectory();
let path = "";
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, "lock");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  directory.remove();
});

const alreadyRunning = expect.objectContaining({ code: "already-running" });

async function startHolder(mode = "release"): Promise<{ child: ChildProcess; said: string }> {
  const args = ["--import", "tsx", "--input-type=module", "--eval", HOLDER, "--", path, mode];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: said.toString() };
}

test("a living process keeps others out and names itself; killed, it does not", async () => {
  const { child, said } = await startHolder();
  expect(said).toBe("held");
  expect(() => acquireProcessLock(path)).toThrow(alreadyRunning);
  expect(() => acquireProcessLock(path)).toThrow(`Process ${child.pid} already uses`);
  child.kill("SIGKILL");
  await once(child, "exit");
  acquireProcessLock(path)();
  expect(existsSync(path)).toBe(false);
});

test("of many processes that find a dead one's lock at the same time exactly one gets it", async () => {
  const dead = await startHolder("keep");
  dead.child.stdin?.end();
  await once(dead.child, "exit");
  expect(existsSync(path)).toBe(true);
  const all = await Promise.all(Array.from({ length: 6 }, () => startHolder()));
  expect(all.map(({ said }) => said).toSorted()).toEqual([
    ...Array.from({ length: 5 }, () => "already-running"),
    "held",
  ]);
});

test("a process id that another process has by now does not keep the lock", () => {
  // This process lives, but did not start at that time.
  writeFileSync(path, `${process.pid} 1 former\n`);
  const release = acquireProcessLock(path);
  expect(readFileSync(path, "utf8")).not.toContain("former");
  expect(() => acquireProcessLock(path)).toThrow(alreadyRunning);
  release();
});

test.each(["", "\n", "no lock of ours", "999999999 12345 dead\n", "-1 - -\n", "0 - -\n"])(
  "what is left in a lock file by a crash is taken over: %j",
  (content) => {
    writeFileSync(path, content);
    acquireProcessLock(path)();
    expect(readdirSync(directory.path)).toEqual([]);
  },
);

test("a living process whose lock was moved aside by a slower one still keeps others out", async () => {
  const { child, said } = await startHolder();
  expect(said).toBe("held");
  renameSync(path, `${path}.aside-by-someone`);
  expect(() => acquireProcessLock(path)).toThrow(alreadyRunning);
  expect(() => acquireProcessLock(path)).toThrow(`Process ${child.pid} already uses`);
  child.stdin?.end();
  await once(child, "exit");
  acquireProcessLock(path)();
  expect(readdirSync(directory.path)).toEqual([]);
});

test("who has lost the lock does not take it from its new owner", () => {
  const release = acquireProcessLock(path);
  writeFileSync(path, "999999999 12345 dead\n");
  const mine = acquireProcessLock(path);
  release();
  expect(existsSync(path)).toBe(true);
  mine();
});

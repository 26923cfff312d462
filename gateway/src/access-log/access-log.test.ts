/** The access log on real files and pipes. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { eventually } from "../testing/test-gateway.ts";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { servedRequest } from "../testing/served-request.ts";
import { buildPrograms } from "../testing/worker-program.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { AccessLog } from "./access-log.ts";
import { rotateLog } from "./rotate-log.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-access-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const problems: string[] = [];

function open(where: string): Promise<AccessLog> {
  problems.length = 0;
  return AccessLog.open({
    settings: { where, scheme: "https", cloudProject: "cloud", logsQuery: false },
    timers: systemTimers,
    onProblem: (problem) => problems.push(problem),
  });
}

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly requestId: string }).requestId);

const ids = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => `id-${from + at}`);

test("every request is a line, in order, in a file that only its owner reads; the folder is made", async () => {
  const file = path.join(folder, "made", "access.log");
  const log = await open(file);
  for (const requestId of ids(0, 3000)) log.record(servedRequest({ requestId }));
  await log.stop();
  expect(linesOf(file)).toEqual(ids(0, 3000));
  expect([log.written, log.dropped]).toEqual([3000, 0]);
  expect(execFileSync("stat", ["-c", "%a", file]).toString()).toBe("600\n");
});

test("what comes faster than it can be written is dropped, counted, and never more is kept", async () => {
  const file = path.join(folder, "access.log");
  const log = await open(file);
  for (const requestId of ids(0, 20_000)) log.record(servedRequest({ requestId }));
  await log.stop();
  expect(log.dropped).toBe(20_000 - 16_384);
  expect(linesOf(file)).toEqual(ids(0, 16_384));
});

test("after its file was renamed it goes on in a new one, and no line is lost", async () => {
  const file = path.join(folder, "access.log");
  const log = await open(file);
  for (const requestId of ids(0, 500)) log.record(servedRequest({ requestId }));
  await eventually("they are written", () => log.written === 500);
  renameSync(file, `${file}.1`);
  await log.reopen();
  for (const requestId of ids(500, 500)) log.record(servedRequest({ requestId }));
  await log.stop();
  expect([...linesOf(`${file}.1`), ...linesOf(file)]).toEqual(ids(0, 1000));
});

test("a file that grew large is put aside in place of the one before, and no line is lost", async () => {
  const file = path.join(folder, "access.log");
  const log = await open(file);
  const timers = virtualTimers();
  const reopened: Promise<void>[] = [];
  const stop = rotateLog({
    file,
    timers,
    log: silentLogger,
    reopen: () => reopened.push(log.reopen()),
    maxBytes: 100_000,
  });
  const write = async (from: number, count: number) => {
    for (const requestId of ids(from, count)) log.record(servedRequest({ requestId }));
    await eventually("they are written", () => log.written === from + count);
  };
  await write(0, 10);
  await timers.advance(10_000);
  expect(reopened).toHaveLength(0);
  await write(10, 490);
  await timers.advance(10_000);
  await eventually("it is put aside", () => reopened.length === 1);
  await write(500, 5);
  stop();
  await log.stop();
  expect([linesOf(`${file}.1`), linesOf(file)]).toEqual([ids(0, 500), ids(500, 5)]);
});

test("a full disk is said once and costs lines, nothing else", async () => {
  const log = await open("/dev/full");
  for (const requestId of ids(0, 700)) log.record(servedRequest({ requestId }));
  await log.stop();
  expect([log.written, log.dropped]).toEqual([0, 700]);
  expect(problems).toEqual([expect.stringContaining("ENOSPC")]);
});

/** What a shell command writes to its standard output. */
function run(command: string): Promise<string> {
  const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
  const parts: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => parts.push(data));
  return new Promise((resolve) => {
    child.once("close", () => resolve(Buffer.concat(parts).toString()));
  });
}

test("processes that share a slow pipe, or a file, tear none of each other's lines", async () => {
  const programs = await buildPrograms("testing/write-access-log");
  const script = programs.script("testing/write-access-log");
  const file = path.join(folder, "access.log");
  const both = (where: string) =>
    `for n in a b c; do ${process.execPath} ${script} ${where} $n & done; wait`;
  const [piped] = await Promise.all([
    run(`(${both("stdout")}) | (sleep 0.2; cat)`),
    run(both(file)),
  ]);
  programs.remove();
  for (const text of [piped, readFileSync(file, "utf8")]) {
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(3 * 2000);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ project: "project" });
  }
});

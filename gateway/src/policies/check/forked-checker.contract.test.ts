import { readdirSync, readFileSync } from "node:fs";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../testing/test-gateway.ts";
import { type BuiltPrograms, buildPrograms } from "../../testing/worker-program.ts";
import type { Candidate } from "../policy-checker.ts";
import { ForkedChecker } from "./forked-checker.ts";

let programs: BuiltPrograms;
beforeAll(async () => {
  programs = await buildPrograms("policy-check");
});
afterAll(() => programs.remove());

function program(nodeArguments: readonly string[] = []) {
  return { script: programs.script("policy-check"), nodeArguments, environment: {} };
}

function candidate(source: string, tests: string | null = null): Candidate {
  const script = { name: "limits", kind: "request", version: 7, source } as const;
  return { script, test: tests, requests: [], inService: null, configs: [] };
}

test("a candidate is judged in a process of its own", async () => {
  const checker = new ForkedChecker({ program: program(), timers: systemTimers });
  const source = `function on_request(req) req:set_header("a", "b") end`;
  const results = await Promise.all([
    checker.check(
      candidate(source, `function test_a() expect_equal(request{}.request_headers.a, "b") end`),
    ),
    checker.check(candidate(source, `function test_a() expect(false, "no") end`)),
  ]);
  expect(results).toEqual([
    { passed: true, report: ["1 of 1 tests passed", "ok test_a", expect.any(String)] },
    {
      passed: false,
      report: expect.arrayContaining(["failed test_a: limits_test:1: no"]) as string[],
    },
  ]);
});

test("a candidate that holds its process up is ended with it and named, with what it was doing", async () => {
  // The tests' own budget of 5 s would end the loop later.
  const deadlines = { startMs: 30_000, checkMs: 1500 };
  const checker = new ForkedChecker({ program: program(), timers: systemTimers, deadlines });
  const loop = `function test_a() while true do pcall(request) end end`;
  expect(await checker.check(candidate(`function on_request() end`, loop))).toEqual({
    passed: false,
    report: [
      "version 7 of limits held its check up for 1500 ms while its unit tests ran, and could not be interrupted: its process was killed",
    ],
  });
});

/** Bits of the signals that a process handles by itself, from /proc. */
function handledSignals(pid: string): bigint {
  const mask = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return BigInt(`0x${mask ?? "0"}`);
}

/** The process of the check that is under way; undefined = it is not there yet. */
function checkProcess(): string | undefined {
  return readdirSync("/proc").find((pid) => {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return Number(parent) === process.pid && command.includes("policy-check");
    } catch {
      return false; // no process, or one that ended meanwhile
    }
  });
}

test("Ctrl-C, which reaches all processes, is not taken for a fault of the candidate", async () => {
  const deadlines = { startMs: 30_000, checkMs: 1500 };
  const checker = new ForkedChecker({ program: program(), timers: systemTimers, deadlines });
  const loop = `function test_a() while true do pcall(request) end end`;
  const checked = checker.check(candidate(`function on_request() end`, loop));
  await eventually("it is there", () => checkProcess() !== undefined, 20_000);
  const pid = checkProcess() ?? "";
  // The last of the three that it comes to mind, and the one that Node itself leaves alone.
  const hangup = 1n;
  await eventually(
    "it minds signals",
    () => (handledSignals(pid) & hangup) !== 0n || checkProcess() === undefined,
    20_000,
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(Number(pid), signal);
  const { report } = await checked;
  expect(report.join()).toContain("held its check up for 1500 ms");
});

test("a process that does not come up says nothing of the candidate", async () => {
  const broken = { ...program(), script: "/nowhere/policy-check.mjs" };
  const checker = new ForkedChecker({ program: broken, timers: systemTimers });
  await expect(checker.check(candidate(""))).rejects.toThrow(
    "A check ended with 1 before it began.",
  );
});

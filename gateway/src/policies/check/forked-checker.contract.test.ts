import { systemTimers } from "@bifrost/shared/domain/time";
import { afterAll, beforeAll, expect, test } from "vitest";
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

test("a process that does not come up says nothing of the candidate", async () => {
  const broken = { ...program(), script: "/nowhere/policy-check.mjs" };
  const checker = new ForkedChecker({ program: broken, timers: systemTimers });
  await expect(checker.check(candidate(""))).rejects.toThrow(
    "A check ended with 1 before it began.",
  );
});

import { BifrostError } from "@bifrost/shared/domain/errors";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { describe, expect, it } from "vitest";
import { StoredPolicies } from "../testing/stored-policies.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { CandidateChecks } from "./candidate-checks.ts";
import type { Candidate, CheckResult } from "./policy-checker.ts";

const REQUEST = {
  method: "GET",
  target: "/",
  host: "a.test",
  ip: "10.0.0.1",
  projectId: "p",
  headers: [],
  status: 200,
};
const PASSED: CheckResult = { passed: true, report: ["1 test passed"] };

async function pass(): Promise<CheckResult> {
  return PASSED;
}

function setUp() {
  const timers = virtualTimers();
  const stored = new StoredPolicies(timers);
  const checked: Candidate[] = [];
  const asked: (string | null)[] = [];
  let answer: (candidate: Candidate) => Promise<CheckResult> = pass;
  const start = () =>
    new CandidateChecks({
      store: stored.store,
      loader: stored.loader,
      checker: {
        check: (candidate) => {
          checked.push(candidate);
          return answer(candidate);
        },
      },
      recorded: async (teamId) => {
        asked.push(teamId);
        return [REQUEST];
      },
      configsOf: (name) => (name === "limits" ? [{ rate: 1 }] : []),
      timers,
      log: silentLogger,
    });
  const checks = start();
  const hear = async (...listeners: readonly CandidateChecks[]) => {
    const picture = await stored.picture();
    for (const one of [checks, ...listeners]) one.update(picture);
    await timers.advance(0);
  };
  const verdict = async (name: string, version = 1) =>
    (await stored.store.readVersion(name, version))?.value;
  return {
    timers,
    stored,
    checked,
    asked,
    checks,
    start,
    hear,
    verdict,
    answerWith: (next: typeof answer) => {
      answer = next;
    },
  };
}

describe("a version that waits", () => {
  it("is checked with its tests on recorded requests, and its verdict is written", async () => {
    const { stored, checked, asked, hear, verdict, timers } = setUp();
    await stored.push("limits", "-- source", { test: "-- test", kind: "alert" });
    await hear();
    expect(asked).toEqual([null]);
    expect(checked).toEqual([
      {
        script: { name: "limits", kind: "alert", version: 1, source: "-- source" },
        test: "-- test",
        requests: [REQUEST],
        inService: null,
        configs: [{ rate: 1 }],
      },
    ]);
    expect(await verdict("limits")).toMatchObject({
      verdict: "passed",
      report: ["1 test passed"],
      checkedAt: new Date(timers.now()),
    });
    await hear();
    expect(checked).toHaveLength(1);
  });

  it("that fails says so with its report", async () => {
    const { stored, hear, verdict, answerWith } = setUp();
    const report = ["limits_test.lua:3: expected deny", "  in test_limit"];
    answerWith(async () => ({ passed: false, report }));
    await stored.push("limits", "-- source");
    await hear();
    expect(await verdict("limits")).toMatchObject({ verdict: "failed", report });
  });

  it("is judged once when several gateways check it", async () => {
    const { stored, checked, hear, verdict, start, answerWith } = setUp();
    let round = 0;
    answerWith(async () => ({ passed: true, report: [`check ${++round}`] }));
    await stored.push("limits", "-- source");
    await hear(start(), start());
    expect(checked).toHaveLength(3);
    expect(await verdict("limits")).toMatchObject({ report: ["check 1"] });
  });

  it("is not checked by a gateway that comes late", async () => {
    const { stored, checked, hear, start, timers } = setUp();
    await stored.push("limits", "-- source");
    const picture = await stored.picture();
    await hear();
    start().update(picture);
    await timers.advance(0);
    expect(checked).toHaveLength(1);
  });

  it("and whose content is not what was pushed has failed", async () => {
    const { stored, checked, hear, verdict } = setUp();
    await stored.push("limits", "-- source");
    const version = await stored.store.readVersion("limits", 1);
    if (version === null) throw new Error("not stored");
    await stored.put("policies/limits/forged.lua", "-- forged");
    const forged = { ...version.value, object: "policies/limits/forged.lua" };
    await stored.store.changeVersion("limits", version, forged);
    await hear();
    expect(checked).toEqual([]);
    expect(await verdict("limits")).toMatchObject({
      verdict: "failed",
      report: [expect.stringContaining("is not what was pushed") as string],
    });
  });
});

describe("a check that cannot be made", () => {
  it("is tried again, while others are not kept waiting", async () => {
    const { timers, stored, checked, hear, verdict, answerWith } = setUp();
    const unavailable = new BifrostError("upstream-unavailable", "no process");
    answerWith(async ({ script }) => {
      if (script.name === "first") throw unavailable;
      return PASSED;
    });
    await stored.push("first", "-- 1");
    await stored.push("second", "-- 2");
    await hear();
    expect(await verdict("second")).toMatchObject({ verdict: "passed" });
    const tries = () => checked.filter(({ script }) => script.name === "first").length;
    await timers.advance(7500);
    expect(tries()).toBe(4);
    await stored.push("third", "-- 3");
    await hear();
    expect(await verdict("third")).toMatchObject({ verdict: "passed" });
    expect(tries()).toBe(4);
    answerWith(pass);
    await timers.advance(8000);
    expect(await verdict("first")).toMatchObject({ verdict: "passed" });
  });

  it("ends with the gateway", async () => {
    const { timers, stored, checked, checks, hear, answerWith } = setUp();
    answerWith(async () => Promise.reject(new Error("no process")));
    await stored.push("limits", "-- source");
    await hear();
    checks.stop();
    await timers.advance(600_000);
    expect(checked).toHaveLength(1);
  });
});

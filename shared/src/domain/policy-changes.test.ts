import { array, assert, constantFrom, property } from "fast-check";
import { describe, expect, it, test } from "vitest";
import { newPolicyVersion } from "../testing/fixtures.ts";
import type { Policy } from "./policy.ts";
import {
  activated,
  faulted,
  judged,
  MAX_HISTORY,
  newPolicy,
  outdated,
  pushed,
  reverted,
} from "./policy-changes.ts";

const AT = new Date("2026-01-01T00:00:00.000Z");
const BY_ADA = { by: "ada", at: AT };
const FRESH = newPolicy({ name: "limits", kind: "request", teamId: "team" }, AT);
const WHY = { by: "gateway", at: AT, why: "limits.lua:3: out of time" };

/** With versions 1 to 3 pushed and put in service one after the other. */
const third = [1, 2, 3].reduce(
  (policy, version) => activated(pushed(policy, BY_ADA), version, BY_ADA),
  FRESH,
);

describe("a policy", () => {
  it("counts what is pushed and puts nothing in service by it", () => {
    const twice = pushed(pushed(FRESH, BY_ADA), BY_ADA);
    expect(twice).toMatchObject({ activeVersion: null, nextVersion: 3, formerVersions: [] });
    expect(twice.history.map(({ what, version }) => [what, version])).toEqual([
      ["push", 1],
      ["push", 2],
    ]);
  });

  it("goes back through its former versions one by one, and then out of service", () => {
    expect(third).toMatchObject({ activeVersion: 3, formerVersions: [1, 2] });
    const back = reverted(third, BY_ADA);
    expect(back).toMatchObject({ activeVersion: 2, formerVersions: [1] });
    const off = reverted(reverted(back, BY_ADA), BY_ADA);
    expect(off).toMatchObject({ activeVersion: null, formerVersions: [] });
    expect(reverted(off, BY_ADA)).toBe(off);
  });

  it("says in its history which version was left", () => {
    expect(reverted(third, BY_ADA).history.at(-1)).toEqual({
      at: AT,
      what: "revert",
      version: 3,
      by: "ada",
      why: null,
    });
  });

  it("keeps the reason for which the gateway took a version out of service, until the next change", () => {
    const left = faulted(third, WHY);
    expect(left).toMatchObject({ activeVersion: 2, fault: WHY.why });
    expect(left.history.at(-1)).toMatchObject({ what: "reverted", version: 3, why: WHY.why });
    expect(activated(left, 1, BY_ADA).fault).toBeNull();
  });

  it("without a former version is disabled by a fault", () => {
    const first = activated(pushed(FRESH, BY_ADA), 1, BY_ADA);
    const off = faulted(first, WHY);
    expect(off).toMatchObject({ activeVersion: null, formerVersions: [], fault: WHY.why });
    expect(off.history.at(-1)).toMatchObject({ what: "disabled", version: 1, by: "gateway" });
  });

  it("that is activated where it is stays as it is", () => {
    expect(activated(third, 3, BY_ADA)).toBe(third);
  });
});

test("whatever is done, no version is its own predecessor and the history keeps its bound", () => {
  const steps = constantFrom<(policy: Policy) => Policy>(
    (policy) => pushed(policy, BY_ADA),
    (policy) => activated(policy, 1, BY_ADA),
    (policy) => activated(policy, Math.max(1, policy.nextVersion - 1), BY_ADA),
    (policy) => reverted(policy, BY_ADA),
    (policy) => faulted(policy, WHY),
  );
  assert(
    property(array(steps, { maxLength: 300 }), (walk) => {
      const end = walk.reduce((policy, step) => step(policy), FRESH);
      const known = [
        ...end.formerVersions,
        ...(end.activeVersion === null ? [] : [end.activeVersion]),
      ];
      expect(new Set(known).size).toBe(known.length);
      expect(end.formerVersions.length).toBeLessThanOrEqual(20);
      expect(end.history.length).toBeLessThanOrEqual(MAX_HISTORY);
    }),
    { numRuns: 50 },
  );
});

test("of many versions the oldest are dropped, but none that is in service or may be again", () => {
  const policy = { ...third, activeVersion: 3, formerVersions: [1] };
  const versions = Array.from({ length: 60 }, (_, at) => at + 1);
  expect(outdated(policy, versions).toSorted((one, other) => one - other)).toEqual([
    2, 4, 5, 6, 7, 8, 9, 10,
  ]);
});

test("a long report is cut, and says so", () => {
  const report = Array.from({ length: 120 }, (_, at) => `${at}${"x".repeat(at === 0 ? 5000 : 9)}`);
  const found = judged(newPolicyVersion(), { passed: false, report }, AT);
  expect(found).toMatchObject({ verdict: "failed", checkedAt: AT });
  expect(found.report).toHaveLength(101);
  expect(found.report.at(-1)).toBe("and 20 more lines");
  expect(Math.max(...found.report.map((line) => line.length))).toBe(4096);
});

test("a report of long lines fits into a document, whatever its letters", () => {
  const report = Array.from({ length: 100 }, () => "€".repeat(4000));
  const found = judged(newPolicyVersion(), { passed: false, report }, AT);
  expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(300_000);
  expect(found.report.at(-1)).toBe("and 84 more lines");
});

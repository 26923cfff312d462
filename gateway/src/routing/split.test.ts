import { array, assert, constantFrom, integer, property, string, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import type { RouteTarget } from "@bifrost/shared/domain/route";
import { chooseTarget, cookieIn, stickyKey } from "./split.ts";

const all = () => true;

const KEYS: Readonly<Record<string, readonly string[]>> = {
  addresses: Array.from({ length: 20_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
  "counted ids": Array.from({ length: 20_000 }, (_, i) => String(i)),
  "ids with one tail": Array.from({ length: 20_000 }, (_, i) => `${i}-of-the-same-service-account`),
};

const split = (...weights: readonly number[]): readonly RouteTarget[] =>
  weights.map((weight, i) => ({ deploymentId: `deployment${i}`, weight }));

const withCanary = (percent: number, deploymentId = "thirteenth"): readonly RouteTarget[] => [
  { deploymentId: "live", weight: 100 - percent },
  { deploymentId, name: "canary", weight: percent },
];

const onCanary = (percent: number, keys: readonly string[]): readonly string[] =>
  keys.filter((key) => chooseTarget(withCanary(percent), key, all)?.name === "canary");

describe("a split", () => {
  test.each(Object.entries(KEYS))("gives every target its share of %s", (_, keys) => {
    for (const weights of [
      [90, 10],
      [1, 1],
      [99, 1],
      [1, 2, 3, 4],
    ]) {
      const targets = split(...weights);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const counts = new Map<string | undefined, number>();
      for (const key of keys) {
        const id = chooseTarget(targets, key, all)?.deploymentId;
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      for (const { deploymentId, weight } of targets) {
        const share = weight / total;
        // Five standard deviations of a fair choice.
        const off = 5 * Math.sqrt((share * (1 - share)) / keys.length);
        expect(Math.abs((counts.get(deploymentId) ?? 0) / keys.length - share)).toBeLessThan(off);
      }
    }
  });

  const names = uniqueArray(constantFrom("a", "b", "c", "d", "stable", "canary"), {
    minLength: 2,
    maxLength: 5,
  });

  test("of which one target gains weight takes no visitor away from it, and moves none between others", () => {
    const steps = property(
      names,
      array(integer({ min: 0, max: 100 }), { minLength: 5, maxLength: 5 }),
      integer({ min: 1, max: 100 }),
      array(string({ maxLength: 20 }), { minLength: 50, maxLength: 50 }),
      (ids, weights, more, keys) => {
        const before = ids.map((deploymentId, i) => ({ deploymentId, weight: weights[i] ?? 0 }));
        const [first] = before;
        const after = before.map((one) =>
          one === first ? { ...one, weight: one.weight + more } : one,
        );
        for (const key of keys) {
          const was = chooseTarget(before, key, all)?.deploymentId;
          const is = chooseTarget(after, key, all)?.deploymentId;
          expect([was, first?.deploymentId]).toContain(is);
        }
      },
    );
    assert(steps, { numRuns: 200 });
  });

  test("that goes from 10 to 20 percent keeps every visitor of the first 10", () => {
    const ten = onCanary(10, KEYS["addresses"] ?? []);
    expect(ten.length).toBeGreaterThan(1000);
    expect(onCanary(20, ten)).toEqual(ten);
  });

  test("whose target cannot serve moves the visitors of that one alone", () => {
    const targets = split(50, 30, 20);
    for (const key of KEYS["addresses"]?.slice(0, 2000) ?? []) {
      const was = chooseTarget(targets, key, all);
      const is = chooseTarget(targets, key, ({ deploymentId }) => deploymentId !== "deployment1");
      expect(is?.deploymentId).not.toBe("deployment1");
      const hasMoved = is !== was;
      expect(hasMoved).toBe(was?.deploymentId === "deployment1");
    }
  });

  test("keeps the visitors of a name whose deployment is another one now", () => {
    for (const key of KEYS["addresses"]?.slice(0, 500) ?? []) {
      const [one, other] = ["old", "new"].map((id) => chooseTarget(withCanary(50, id), key, all));
      expect(one?.name).toBe(other?.name);
    }
  });

  test.each([
    ["without weight", split(0, 0), all],
    ["of which none can serve", split(1, 2), () => false],
    ["without targets", [], all],
  ])("%s chooses nothing", (_, targets, canServe) => {
    expect(chooseTarget(targets, "x", canServe)).toBeUndefined();
  });
});

describe("what a visitor is known by", () => {
  const source = {
    ip: "10.0.0.1",
    header: (name: string) => ({ cookie: "a=1; id=two; id=three", "x-user": "ada" })[name],
  };

  test.each([
    [{ by: "address" }, "10.0.0.1"],
    [{ by: "header", name: "X-User" }, "ada"],
    [{ by: "header", name: "X-Other" }, undefined],
    [{ by: "cookie", name: "id" }, "two"],
    [{ by: "cookie", name: "ID" }, undefined],
  ] as const)("%o → %s", (stickiness, key) => {
    expect(stickyKey(stickiness, source)).toBe(key);
  });

  test.each([
    ["", undefined],
    ["id", undefined],
    ["xid=1", undefined],
    [" id = 1 ;x=2", "1"],
    ["id=", ""],
    ["id=a=b", "a=b"],
  ])("the cookie id in %j is %j", (header, value) => {
    expect(cookieIn(header, "id")).toBe(value);
  });
});

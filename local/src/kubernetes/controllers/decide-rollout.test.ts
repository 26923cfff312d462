import { assert, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { decideRollout } from "./decide-rollout.ts";

const count = (name: string, wanted: number, available = wanted) => ({ name, wanted, available });

describe("decideRollout", () => {
  it.each([
    {
      name: "starts all at once when nothing ran before",
      desired: 3,
      surge: 1,
      down: 0,
      current: count("n", 0),
      old: [],
      expected: { n: 3 },
    },
    {
      name: "adds one within the surge",
      desired: 2,
      surge: 1,
      down: 0,
      current: count("n", 0),
      old: [count("o", 2)],
      expected: { n: 1 },
    },
    {
      name: "waits while the new one is not available",
      desired: 2,
      surge: 1,
      down: 0,
      current: count("n", 1, 0),
      old: [count("o", 2)],
      expected: {},
    },
    {
      name: "removes an old one for an available new one",
      desired: 2,
      surge: 1,
      down: 0,
      current: count("n", 1),
      old: [count("o", 2)],
      expected: { o: 1 },
    },
    {
      name: "adds the last one",
      desired: 2,
      surge: 1,
      down: 0,
      current: count("n", 1),
      old: [count("o", 1)],
      expected: { n: 2 },
    },
    {
      name: "scales down with the Deployment",
      desired: 1,
      surge: 1,
      down: 0,
      current: count("n", 3),
      old: [],
      expected: { n: 1 },
    },
    {
      name: "takes broken old ones first",
      desired: 2,
      surge: 1,
      down: 0,
      current: count("n", 1),
      old: [count("o", 2, 1)],
      expected: { o: 1 },
    },
    {
      name: "never stands still when both margins are 0",
      desired: 1,
      surge: 0,
      down: 0,
      current: count("n", 0),
      old: [count("o", 1)],
      expected: { o: 0 },
    },
  ])("$name", ({ desired, surge, down, current, old, expected }) => {
    const state = { desired, maxSurge: surge, maxUnavailable: down, current, old };
    expect(Object.fromEntries(decideRollout(state))).toEqual(expected);
  });

  const state = record({
    desired: integer({ min: 1, max: 6 }),
    maxSurge: integer({ min: 0, max: 3 }),
    maxUnavailable: integer({ min: 0, max: 3 }),
  });

  it("ends with the new template alone, never too many in all, never too few available", () => {
    assert(
      property(state, ({ desired, maxSurge, maxUnavailable }) => {
        let [fresh, stale] = [0, desired];
        for (let step = 0; step < 50 && (fresh < desired || stale > 0); step += 1) {
          const changes = decideRollout({
            desired,
            maxSurge,
            maxUnavailable,
            current: count("n", fresh),
            old: [count("o", stale)],
          });
          fresh = changes.get("n") ?? fresh;
          stale = changes.get("o") ?? stale;
          const allowed = maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable;
          expect(fresh + stale).toBeLessThanOrEqual(desired + maxSurge);
          expect(stale).toBeGreaterThanOrEqual(0);
          expect(fresh + stale).toBeGreaterThanOrEqual(desired - allowed);
        }
        expect([fresh, stale]).toEqual([desired, 0]);
      }),
    );
  });
});

import type { Deployment } from "@bifrost/shared/domain/deployment";
import { ALL_STATES, isResting } from "@bifrost/shared/domain/lifecycle";
import { newDeployment } from "@bifrost/shared/testing/fixtures";
import { describe, expect, it } from "vitest";
import { newFailure } from "@bifrost/shared/domain/failure";
import { decideRestore, type RestoreCase, UNDONE } from "./decide-restore.ts";

const numbered = (number: number, changes: Partial<Deployment> = {}) =>
  newDeployment({ id: `depnumber${number}aaaa` as Deployment["id"], number, ...changes });
const WATCH_MS = 60_000;
const failed = numbered(5, { state: "failed" });
const good = numbered(3, { state: "healthy" });

function decide(changes: Partial<RestoreCase> = {}) {
  return decideRestore({
    failed,
    mayRollBack: true,
    watchMs: WATCH_MS,
    liveDeploymentId: failed.id,
    restored: null,
    recent: [failed, numbered(4, { state: "failed" }), good, numbered(2, { state: "healthy" })],
    ...changes,
  });
}

/** Created at that second, and healthy since 10 s later. */
const at = (number: number, second: number, changes: Partial<Deployment> = {}) =>
  numbered(number, {
    state: "healthy",
    createdAt: new Date(second * 1000),
    stateSince: new Date((second + 10) * 1000),
    ...changes,
  });

describe("decideRestore", () => {
  it("goes back to the newest release before that was healthy to the end", () => {
    expect(decide()).toEqual({
      target: good,
      words: "Deployment 3, the release before it, is deployed again in its place.",
    });
  });

  it.each<[string, Partial<RestoreCase>, RegExp]>([
    [
      "the app's config says so",
      { mayRollBack: false },
      /rollback is false; `bifrost rollback` does it by hand\.$/,
    ],
    [
      "the app's config says so and there is no release before",
      { mayRollBack: false, recent: [failed] },
      /rollback is false\.$/,
    ],
    ["there is no release before", { recent: [failed] }, /no release before it was healthy/],
    [
      "those before were never healthy",
      { recent: [failed, numbered(4, { state: "failed" })] },
      /no release before it was healthy/,
    ],
    [
      "the only healthy one is newer and lost its place",
      { recent: [numbered(6, { state: "healthy" }), failed] },
      /no release before it was healthy/,
    ],
    [
      "it was put back itself",
      { failed: { ...failed, trigger: "restore" } },
      /put in the place of a failed release itself/,
    ],
    ["another release is live", { liveDeploymentId: good.id }, /another release serves/],
    ["it was done before", { restored: numbered(6, { state: "failed" }) }, /deployed again before/],
    ["no release is live", { liveDeploymentId: null }, /another release serves/],
  ])("does nothing when %s", (_, changes, words) => {
    expect(decide(changes)).toEqual({ target: null, words: expect.stringMatching(words) });
  });

  it.each(ALL_STATES)("with a newer deployment that is %s", (state) => {
    const recent = [numbered(6, { state }), failed, good];
    expect(decide({ recent }).target).toBe(isResting(state) ? good : null);
  });

  describe("of releases that followed each other", () => {
    const last = at(5, 1000, { state: "failed" });
    const undone = { state: "failed", failure: newFailure(UNDONE, "healthy", []) } as const;

    it.each<[string, number, Deployment[]]>([
      ["the last one, when it stood its watch window", 4, [at(4, 930), at(3, 0)]],
      ["one that did, when the last was replaced before", 3, [at(4, 931), at(3, 0)]],
      ["one that did, when another failed after it", 2, [at(4, 990), at(3, 900, undone), at(2, 0)]],
      ["the last one, when none did", 4, [at(4, 990), at(3, 980)]],
      [
        "another than one that was retried lately",
        3,
        [at(4, 0, { stateSince: new Date(1e7) }), at(3, -900)],
      ],
    ])("goes back to %s", (_, number, before) => {
      const decision = decide({
        failed: last,
        liveDeploymentId: last.id,
        recent: [last, ...before],
      });
      expect(decision).toMatchObject({ target: { number } });
    });

    it("says which one that is", () => {
      const recent = [last, at(4, 990), at(3, 0)];
      const { words } = decide({ failed: last, liveDeploymentId: last.id, recent });
      expect(words).toBe(
        "Deployment 3, the last release that stood its watch window, is deployed again in its place.",
      );
    });
  });

  it("waits for the newer one whether it may go back or not, and names it", () => {
    const recent = [numbered(6, { state: "building" }), failed, good];
    expect(decide({ recent, mayRollBack: false })).toMatchObject({
      target: null,
      words: expect.stringContaining("Deployment 6 is under way"),
    });
  });
});

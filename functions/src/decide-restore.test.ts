import type { Deployment } from "@bifrost/shared/domain/deployment";
import { ALL_STATES, isResting } from "@bifrost/shared/domain/lifecycle";
import { newDeployment } from "@bifrost/shared/testing/fixtures";
import { describe, expect, it } from "vitest";
import { decideRestore, type RestoreCase } from "./decide-restore.ts";

const numbered = (number: number, changes: Partial<Deployment> = {}) =>
  newDeployment({ id: `depnumber${number}aaaa` as Deployment["id"], number, ...changes });
const failed = numbered(5, { state: "failed" });
const good = numbered(3, { state: "healthy" });

function decide(changes: Partial<RestoreCase> = {}) {
  return decideRestore({
    failed,
    mayRollBack: true,
    liveDeploymentId: failed.id,
    recent: [failed, numbered(4, { state: "failed" }), good, numbered(2, { state: "healthy" })],
    ...changes,
  });
}

describe("decideRestore", () => {
  it("goes back to the newest release before that was healthy to the end", () => {
    expect(decide()).toEqual({
      kind: "restore",
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
    ["no release is live", { liveDeploymentId: null }, /another release serves/],
  ])("does nothing when %s", (_, changes, words) => {
    expect(decide(changes)).toEqual({ kind: "nothing", words: expect.stringMatching(words) });
  });

  it.each(ALL_STATES)("with a newer deployment that is %s", (state) => {
    const recent = [numbered(6, { state }), failed, good];
    expect(decide({ recent }).kind).toBe(isResting(state) ? "restore" : "await");
  });

  it("waits for the newer one whether it may go back or not, and names it", () => {
    const recent = [numbered(6, { state: "building" }), failed, good];
    expect(decide({ recent, mayRollBack: false })).toMatchObject({
      kind: "await",
      words: expect.stringContaining("Deployment 6 is under way"),
    });
  });
});

import { assert, array, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { newDeployment } from "../testing/fixtures.ts";
import type { Deployment } from "./deployment.ts";
import { ALL_STATES, edge, findMove, type MoveOwner, MOVES, type State } from "./lifecycle.ts";
import { decideMove, IllegalMove } from "./transition.ts";

const OWNERS = [...new Set(MOVES.map((move) => move.owner))];

function decide(deployment: Deployment, to: State, by: MoveOwner) {
  try {
    return decideMove(deployment, { to, by, attempt: deployment.attempt });
  } catch (error) {
    if (error instanceof IllegalMove) return { kind: "illegal" } as const;
    throw error;
  }
}

describe("a move", () => {
  it("is accepted on a random walk exactly when the table has the edge and names the caller as its owner", () => {
    const step = constantFrom(...ALL_STATES.flatMap((to) => OWNERS.map((by) => ({ to, by }))));
    assert(
      property(array(step, { maxLength: 60 }), (steps) => {
        let current = newDeployment({ state: "queued" });
        for (const { to, by } of steps) {
          const row = findMove(current.state, to);
          const legal = row !== undefined && row.owner === by;
          const decision = decide(current, to, by);
          if (decision.kind === "repeat") continue; // already made: nothing is written
          expect(decision.kind).toBe(legal ? "move" : "illegal");
          if (decision.kind === "illegal") continue;
          expect(decision.seq).toBe(current.seq + 1);
          expect(decision.attempt).toBe(current.attempt + (to === "queued" ? 1 : 0));
          const { seq, attempt } = decision;
          current = { ...current, state: decision.move.to, seq, attempt };
        }
      }),
    );
  });

  it("names from, to and what is allowed when it is illegal", () => {
    const deployment = newDeployment({ state: "failed" });
    const illegal = () => decideMove(deployment, { to: "healthy", by: "verify", attempt: 1 });
    expect(illegal).toThrow(IllegalMove);
    expect(illegal).toThrow("is failed and may only move to queued, not to healthy");
  });

  it("does not compile when the literal edge is not in the table", () => {
    expect(edge("queued", "validating")).toEqual({ from: "queued", to: "validating" });
    // @ts-expect-error queued → healthy is not in the table: that this line needs the marker is the test
    edge("queued", "healthy");
  });

  it("is a repeat once the deployment is at or past its target in the same attempt", () => {
    for (const state of ["validating", "building", "running", "healthy"] as const) {
      const deployment = newDeployment({ state });
      expect(decideMove(deployment, { to: "validating", by: "validate", attempt: 1 })).toEqual({
        kind: "repeat",
      });
    }
  });

  it("is refused as stale for another attempt", () => {
    const deployment = newDeployment({ state: "queued", attempt: 2 });
    const stale = () => decideMove(deployment, { to: "validating", by: "validate", attempt: 1 });
    expect(stale).toThrow(expect.objectContaining({ code: "stale-attempt" }));
  });

  it("back to the queue raises the attempt, and its repeat is recognised one attempt later", () => {
    const failed = newDeployment({ state: "failed" });
    const decision = decideMove(failed, { to: "queued", by: "retry", attempt: 1 });
    expect(decision).toMatchObject({ kind: "move", attempt: 2 });
    const queued = newDeployment({ state: "queued", attempt: 2 });
    expect(decideMove(queued, { to: "queued", by: "retry", attempt: 1 })).toEqual({
      kind: "repeat",
    });
  });

  it("may write only the fields its row lists", () => {
    const deployment = newDeployment({ state: "queued" });
    const greedy = () =>
      decideMove(deployment, {
        to: "validating",
        by: "validate",
        attempt: 1,
        fields: { url: "x" },
      });
    expect(greedy).toThrow(/not url/);
  });

  it("raises an error that renders with a stable code", () => {
    const healthy = newDeployment({ state: "healthy" });
    const requeue = () => decideMove(healthy, { to: "queued", by: "retry", attempt: 1 });
    expect(requeue).toThrow(expect.objectContaining({ code: "illegal-move", status: 409 }));
  });
});

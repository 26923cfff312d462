import { expect, test } from "vitest";
import { ChangeHistory } from "./change-history.ts";

function historyOf(capacity: number, commits: number): ChangeHistory {
  const history = new ChangeHistory(0, capacity);
  for (let sequence = 1; sequence <= commits; sequence += 1) {
    history.record(sequence, [`a${sequence}`, `b${sequence}`]);
  }
  return history;
}

test("tells each document changed after a commit once", () => {
  const history = historyOf(100, 3);
  history.record(4, ["a3"]);
  expect([...(history.since(2) ?? [])]).toEqual(["a3", "b3"]);
  expect([...(history.since(4) ?? [])]).toEqual([]);
});

test("does not know what happened before it began", () => {
  const history = new ChangeHistory(10);
  history.record(11, ["a"]);
  expect(history.since(9)).toBeNull();
  expect([...(history.since(10) ?? [])]).toEqual(["a"]);
});

test.each([1, 2, 3, 7])("with room for %i it forgets whole commits, oldest first", (capacity) => {
  const commits = 50;
  const history = historyOf(capacity, commits);
  const known = Array.from({ length: commits + 1 }, (_, sequence) => history.since(sequence));
  const first = known.findIndex((names) => names !== null);
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(commits);
  for (const [sequence, names] of known.entries()) {
    expect(names?.size ?? null).toBe(sequence < first ? null : 2 * (commits - sequence));
  }
});

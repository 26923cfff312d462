import { describe, expect, it } from "vitest";
import { lossOf, newLinkRecord, probeAnswered, probeSent } from "./round-trip.ts";

const THRESHOLDS = { timeoutMs: 1000, successThreshold: 3, failureThreshold: 3 };

/** One probe a second; `true` = answered after 10 ms. */
function after(outcomes: readonly boolean[]) {
  const record = newLinkRecord();
  outcomes.forEach((isAnswered, index) => {
    const at = index * 2000;
    probeSent(record, index, at, THRESHOLDS);
    if (isAnswered) probeAnswered(record, index, at + 10, THRESHOLDS);
  });
  probeSent(record, outcomes.length, outcomes.length * 2000, THRESHOLDS);
  return record;
}

const yes = true;
const no = false;

describe("the way to another member", () => {
  it.each([
    ["nothing yet", [], "unknown", 0],
    ["one answer", [yes], "healthy", 0],
    ["two failures", [yes, no, no], "healthy", 2 / 3],
    ["three failures in a row", [yes, no, no, no], "sick", 3 / 4],
    ["two answers after that", [no, no, no, yes, yes], "sick", 3 / 5],
    ["three answers after that", [no, no, no, yes, yes, yes], "healthy", 1 / 2],
  ])("after %s", (_what, outcomes, health, loss) => {
    const record = after(outcomes);
    expect([record.health, lossOf(record)]).toEqual([health, loss]);
  });

  it("has a round-trip time smoothed as TCP's", () => {
    const record = newLinkRecord();
    for (const [seq, took] of [100, 200].entries()) {
      probeSent(record, seq, 0, THRESHOLDS);
      expect(probeAnswered(record, seq, took, THRESHOLDS)).toBe(took);
    }
    expect(record.roundTripMs).toBe(112.5);
  });

  it("counts an answer that came too late as a failed check, and knows its time", () => {
    const record = newLinkRecord();
    probeSent(record, 1, 0, THRESHOLDS);
    expect(probeAnswered(record, 1, 1500, THRESHOLDS)).toBe(1500);
    expect([record.failed, record.passed]).toEqual([1, 0]);
  });

  it("takes no answer twice", () => {
    const record = newLinkRecord();
    probeSent(record, 1, 0, THRESHOLDS);
    probeAnswered(record, 1, 5, THRESHOLDS);
    expect(probeAnswered(record, 1, 6, THRESHOLDS)).toBeNull();
  });
});

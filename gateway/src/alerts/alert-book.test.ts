import { describe, expect, it } from "vitest";
import { AlertBook, type AlertNotice } from "./alert-book.ts";
import type { AlertValues, RaisedAlert } from "./alert-values.ts";

const MINUTE = 60_000;
const DOWN: RaisedAlert = { severity: "critical", message: "down", to: "ops" };
const SLOW: RaisedAlert = { severity: "warning", message: "slow", to: "log" };

function values(replica = "r1"): AlertValues {
  return {
    healthy: false,
    response_time_ms: null,
    cpu_percent: null,
    memory_percent: null,
    memory_bytes: null,
    unhealthy_count: 3,
    deploy_id: "d1",
    project: "p1",
    replica,
  };
}

function told(notices: readonly AlertNotice[]): readonly string[] {
  return notices.map(({ state, message, values: { replica } }) => `${state} ${message} ${replica}`);
}

describe("an alert", () => {
  it("is told once, and again after the time it takes to be repeated", () => {
    const book = new AlertBook(5 * MINUTE);
    const at = (ms: number) => told(book.take("rule", values(), [DOWN], ms));
    expect(at(0)).toEqual(["raised down r1"]);
    expect(at(1000)).toEqual([]);
    expect(at(5 * MINUTE - 1)).toEqual([]);
    expect(at(5 * MINUTE)).toEqual(["repeated down r1"]);
    expect(at(5 * MINUTE + 1000)).toEqual([]);
  });

  it("is another one for another replica, rule, severity, message or receiver", () => {
    const book = new AlertBook(5 * MINUTE);
    const others: RaisedAlert[] = [
      DOWN,
      { ...DOWN, severity: "info" },
      { ...DOWN, message: "gone" },
      { ...DOWN, to: "log" },
    ];
    expect(book.take("rule", values(), others, 0)).toHaveLength(4);
    expect(book.take("rule", values("r2"), [DOWN], 0)).toHaveLength(1);
    expect(book.take("other", values(), [DOWN], 0)).toHaveLength(1);
    expect(book.standingAlerts).toBe(6);
  });

  it("raised twice for one sample counts once", () => {
    expect(new AlertBook(MINUTE).take("rule", values(), [DOWN, DOWN], 0)).toHaveLength(1);
  });

  it("is resolved by three samples in a row without it", () => {
    const book = new AlertBook(5 * MINUTE);
    book.take("rule", values(), [DOWN, SLOW], 0);
    const at = (ms: number, ...raised: RaisedAlert[]) =>
      told(book.take("rule", values(), raised, ms));
    expect(at(1, SLOW)).toEqual([]);
    expect(at(2, SLOW)).toEqual([]);
    expect(at(3, DOWN, SLOW)).toEqual([]);
    expect(at(4, SLOW)).toEqual([]);
    expect(at(5, SLOW)).toEqual([]);
    expect(at(6, SLOW)).toEqual(["resolved down r1"]);
    expect(at(7, SLOW)).toEqual([]);
    expect(at(8, DOWN, SLOW)).toEqual(["raised down r1"]);
  });

  it("is not resolved by samples of another replica, nor by another rule", () => {
    const book = new AlertBook(5 * MINUTE);
    book.take("rule", values(), [DOWN], 0);
    for (let at = 1; at < 9; at++) {
      expect(book.take("rule", values("r2"), [], at)).toEqual([]);
      expect(book.take("other", values(), [], at)).toEqual([]);
    }
    expect(book.standingAlerts).toBe(1);
  });

  it("of a replica that fell silent is lost, not resolved", () => {
    const book = new AlertBook(5 * MINUTE);
    book.take("rule", values(), [DOWN], 0);
    expect(book.sweep(10 * MINUTE - 1)).toEqual([]);
    expect(told(book.sweep(10 * MINUTE))).toEqual(["lost down r1"]);
    expect(book.standingAlerts).toBe(0);
  });

  it("of a rule that is out of service is forgotten", () => {
    const book = new AlertBook(5 * MINUTE);
    book.take("rule", values(), [DOWN], 0);
    book.take("other", values(), [DOWN], 0);
    book.keepRules(new Set(["other"]));
    expect(book.standingAlerts).toBe(1);
    expect(told(book.take("rule", values(), [DOWN], 1))).toEqual(["raised down r1"]);
  });

  it("finds no room beyond a bound, and is counted then", () => {
    const book = new AlertBook(5 * MINUTE);
    const raised = Array.from({ length: 16 }, (_, i) => ({ ...DOWN, message: `down ${i}` }));
    for (let i = 0; i < 400; i++) book.take("rule", values(`r${i}`), raised, 0);
    expect(book.standingAlerts).toBe(5000);
    expect(book.dropped).toBe(400 * 16 - 5000);
  });
});

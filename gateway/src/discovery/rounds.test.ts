import { expect, test } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { Rounds } from "./rounds.ts";

/** Rounds that end as `outcomes` say, in order, then stay open. */
function scripted(outcomes: (number | "fails")[]) {
  const timers = virtualTimers(0);
  const begun: number[] = [];
  const errors: unknown[] = [];
  const signals: AbortSignal[] = [];
  const rounds = new Rounds({
    timers,
    random: () => 1,
    onError: (error) => errors.push(error),
    round(signal) {
      begun.push(timers.now());
      signals.push(signal);
      const outcome = outcomes.shift();
      if (outcome === undefined) return new Promise(() => undefined);
      return outcome === "fails" ? Promise.reject(new Error("no")) : Promise.resolve(outcome);
    },
  });
  return { timers, begun, errors, signals, rounds };
}

test("after a round comes the pause that it asked for", async () => {
  const { timers, begun, rounds } = scripted([1000, 50, 0]);
  rounds.start();
  await timers.advance(2000);
  expect(begun).toEqual([0, 1000, 1050, 1050]);
});

test("after failures the pauses double up to 10 seconds, and begin anew after a success", async () => {
  const { timers, begun, errors, rounds } = scripted([...Array(8).fill("fails"), 1, "fails"]);
  rounds.start();
  await timers.advance(60_000);
  const pauses = begun.slice(1).map((at, index) => at - (begun[index] ?? 0));
  expect(pauses).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 1, 200]);
  expect(errors).toHaveLength(9);
});

test("whoever is in a hurry ends the pause, or has the next round begin right after this one", async () => {
  const { timers, begun, rounds } = scripted([5000, 5000]);
  rounds.start();
  await timers.advance(100);
  rounds.hurry();
  rounds.hurry();
  await timers.advance(0);
  expect(begun).toEqual([0, 100, 100]);
});

test("after stop nothing begins, and the round that runs is told", async () => {
  const { timers, begun, signals, rounds } = scripted([]);
  rounds.start();
  rounds.stop();
  rounds.hurry();
  await timers.advance(60_000);
  expect([begun, signals.map(({ aborted }) => aborted)]).toEqual([[0], [true]]);
});

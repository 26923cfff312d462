import { expect, test } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { startWatchdog } from "./watchdog.ts";

const LIMITS = { silenceMs: 5000, startMs: 30_000 };

interface TestWorker {
  heardAt: number;
  isListening: boolean;
}

function watched(...workers: TestWorker[]) {
  const timers = virtualTimers(0);
  const lost: TestWorker[] = [];
  const stop = startWatchdog({
    timers,
    limits: LIMITS,
    workers: () => workers.filter((worker) => !lost.includes(worker)),
    onLost: (worker) => lost.push(worker),
  });
  return { timers, lost, stop };
}

test("one that is silent for longer than the limit is lost, the others are not", async () => {
  const silent = { heardAt: 0, isListening: true };
  const lively = { heardAt: 0, isListening: true };
  const { timers, lost } = watched(silent, lively);
  for (let at = 0; at < 20; at++) {
    await timers.advance(500);
    lively.heardAt = timers.now();
  }
  expect(lost).toEqual([silent]);
});

test("one that starts has longer", async () => {
  const { timers, lost } = watched({ heardAt: 0, isListening: false });
  await timers.advance(29_000);
  expect(lost).toHaveLength(0);
  await timers.advance(2000);
  expect(lost).toHaveLength(1);
});

test("after the parent itself stood still everyone gets the whole time again", async () => {
  const worker = { heardAt: 0, isListening: true };
  const { timers, lost } = watched(worker);
  await timers.advance(1000);
  worker.heardAt = 1000;
  timers.jump(60_000);
  await timers.advance(4500);
  expect(lost).toHaveLength(0);
  await timers.advance(1500);
  expect(lost).toHaveLength(1);
});

test("a stopped one looks at nobody", async () => {
  const { timers, lost, stop } = watched({ heardAt: 0, isListening: true });
  stop();
  await timers.advance(60_000);
  expect(lost).toHaveLength(0);
});

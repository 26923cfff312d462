import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { CallWatch, readAccusation, Sentinel, type SentinelData } from "./sentinel.ts";

function pair() {
  let data: SentinelData | null = null;
  const told: unknown[] = [];
  const thread = { unref() {}, postMessage: (message: unknown) => told.push(message) };
  const limits = { lookMs: 50, heldMs: 200 };
  const sentinel = new Sentinel(
    4,
    (given) => {
      data = given;
      return thread as unknown as Worker;
    },
    limits,
  );
  if (data === null) throw new Error("no thread was started");
  return { sentinel, watch: new CallWatch(data), told };
}

const looks = (watch: CallWatch, count: number) =>
  Array.from({ length: count }, () => watch.look()).at(-1);

test("the one call that lasts through as many looks as its time allows is named", () => {
  const { sentinel, watch } = pair();
  sentinel.enter(7);
  expect(looks(watch, 4)).toBeNull();
  expect(watch.look()).toBe(7);
});

test.each<[string, (sentinel: Sentinel) => void]>([
  ["calls that come and go", (sentinel) => (sentinel.leave(), sentinel.enter(7))],
  ["no call", (sentinel) => sentinel.leave()],
])("%s are nothing to it", (_what, between) => {
  const { sentinel, watch } = pair();
  sentinel.enter(7);
  for (let at = 0; at < 50; at++) {
    expect(watch.look()).toBeNull();
    between(sentinel);
  }
});

test("names of scripts reach the thread before their first call", () => {
  const { sentinel, told } = pair();
  sentinel.announce(3, "our-limits", 2);
  expect(told).toEqual([{ index: 3, name: "our-limits", version: 2 }]);
});

test.each([
  ["an accusation", '{"name":"a","version":2,"heldMs":1000}\n', "a"],
  ["nothing", "", undefined],
  ["half of one", '{"name":"a","ver', undefined],
  ["something else", '{"name":7}\n', undefined],
])("%s on the pipe is read as what it is", (_what, written, name) => {
  expect(readAccusation(written)?.name).toBe(name);
});

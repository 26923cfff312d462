import { expect, test } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { CoalescedUpdates, type TableUpdate } from "./tables.ts";

const avoided = (...addresses: readonly string[]): TableUpdate => ({ avoided: new Set(addresses) });

test("the first change goes at once; those that follow go together, each table as it is last", async () => {
  const timers = virtualTimers();
  const sent: TableUpdate[] = [];
  const updates = new CoalescedUpdates(timers, (update) => sent.push(update));
  updates.offer(avoided("a"));
  expect(sent).toEqual([avoided("a")]);
  updates.offer(avoided("b"));
  updates.offer({ backends: new Map() });
  updates.offer(avoided("c"));
  expect(sent).toHaveLength(1);
  await timers.advance(20);
  expect(sent.slice(1)).toEqual([{ ...avoided("c"), backends: new Map() }]);
  await timers.advance(100);
  updates.offer(avoided());
  expect(sent).toHaveLength(3);
});

test("what is stopped sends nothing more", async () => {
  const timers = virtualTimers();
  const sent: TableUpdate[] = [];
  const updates = new CoalescedUpdates(timers, (update) => sent.push(update));
  updates.offer(avoided("a"));
  updates.offer(avoided("b"));
  updates.stop();
  await timers.advance(100);
  expect(sent).toHaveLength(1);
});

import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualTimers } from "../../workflows/testing/virtual-timers.ts";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore, until } from "../testing/firestore-fixture.ts";
import { type HeldAnswer, RawChannel } from "../testing/raw-channel.ts";

const TURN_MS = 250;

let timers: VirtualTimers;
let server: RunningFirestore;
beforeEach(async () => {
  timers = new VirtualTimers();
  server = await startTestFirestore({ timers });
});
afterEach(() => server.stop());

interface Page {
  readonly channel: RawChannel;
  readonly held: HeldAnswer;
}

/** A page with a back channel that has said its first word. */
async function page(browser: string, parameters: Record<string, string> = {}): Promise<Page> {
  const database = ROOT.slice(0, -"/documents".length);
  const channel = await RawChannel.open(server.port, [{ database }], {
    rpc: "Write",
    headers: { "user-agent": browser },
  });
  await channel.send([], 1, 1);
  const held = await channel.hold(1, parameters);
  if (parameters["CI"] !== "1") await held.take(1);
  return { channel, held };
}

async function pages(browser: string, count: number): Promise<Page[]> {
  const opened: Page[] = [];
  for (let index = 0; index < count; index += 1) opened.push(await page(browser));
  return opened;
}

const over = (all: readonly Page[]): boolean[] => all.map(({ held }) => held.isOver);

test("up to four back channels of a browser stay; with a fifth the one held longest gives way", async () => {
  const four = await pages("one", 4);
  timers.pass(100 * TURN_MS);
  const fifth = await page("one");
  await until(() => four[0]?.held.isOver === true, "the first gave way");
  expect(over([...four, fifth])).toEqual([true, false, false, false, false]);
});

test("a turn lasts 250 ms: nobody gives way earlier", async () => {
  const five = await pages("one", 5);
  timers.pass(TURN_MS - 1);
  await five[4]?.channel.send([], 1);
  expect(over(five)).toEqual([false, false, false, false, false]);
  timers.pass(1);
  await until(() => five[0]?.held.isOver === true, "the first gave way");
  expect(over(five)).toEqual([true, false, false, false, false]);
});

test("an answer that gives way is never empty: the client would take that for a failure", async () => {
  const polling = await page("one", { CI: "1" });
  await pages("one", 4);
  timers.pass(TURN_MS);
  expect(await polling.held.untilOver()).toEqual([[expect.any(Number), ["noop"]]]);
});

test("other browsers are not concerned, and who hung up counts no more", async () => {
  const one = await pages("one", 4);
  const two = await pages("two", 4);
  one[3]?.held.hangUp();
  await until(() => one[3]?.held.isOver === true, "hung up");
  await expect
    .poll(() => one[3]?.channel.send([], 1))
    .toEqual([0, expect.any(Number), expect.any(Number)]);
  const another = await page("one");
  timers.pass(TURN_MS);
  await another.channel.send([], 1);
  expect(over(one)).toEqual([false, false, false, true]);
  expect(over([...two, another])).toEqual([false, false, false, false, false]);
});

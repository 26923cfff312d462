import { expect, test } from "vitest";
import { keptLog } from "../testing/logged.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { TroubleLog } from "./trouble-log.ts";

function rig() {
  const timers = virtualTimers();
  const { log, lines } = keptLog();
  const troubles = new TroubleLog(log, timers);
  const raise = (address: string) => troubles.raise("not-allowed", { address });
  return { timers, lines, troubles, raise };
}

test("a trouble is written once in a while, and at once when those before it are over", async () => {
  const { timers, lines, troubles, raise } = rig();
  raise("10.0.0.1");
  raise("10.0.0.1");
  raise("10.0.0.2");
  expect(lines).toHaveLength(2);
  await timers.advance(300_000);
  raise("10.0.0.1");
  expect(lines).toHaveLength(3);
  troubles.forget();
  raise("10.0.0.1");
  expect(lines).toHaveLength(4);
});

test("a registry full of rubbish does not fill the log, however often it changes, and hides no other trouble", () => {
  const { lines, troubles, raise } = rig();
  for (let round = 0; round < 3; round++) for (let at = 0; at < 1000; at++) raise(`192.0.2.${at}`);
  expect(lines).toHaveLength(20);
  troubles.raise("too-many", { found: 2000 });
  expect(lines).toHaveLength(21);
});

import { expect, test } from "vitest";
import { keptLog } from "../testing/logged.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { Findings, MAX_NODES } from "./findings.ts";
import { Sightings } from "./sightings.ts";

function started() {
  const timers = virtualTimers();
  const kept = keptLog();
  const findings = new Findings("dns", kept.log, timers);
  const told: (readonly string[])[] = [];
  const onFound = (addresses: readonly string[]): void => void told.push(addresses);
  findings.begin({ nodeId: "a", address: "10.0.0.1:1" }, { onFound });
  return { timers, kept, findings, told };
}

test("a set is told once, sorted, without repetitions, rubbish and the node itself", () => {
  const { findings, told } = started();
  findings.found(["10.0.0.3:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1", "rubbish"]);
  findings.found(["10.0.0.2:1", "10.0.0.3:1"]);
  expect(told).toEqual([["10.0.0.2:1", "10.0.0.3:1"]]);
});

test("an empty set is told too, when it is the first", () => {
  const { findings, told } = started();
  findings.found([]);
  expect(told).toEqual([[]]);
});

test("more nodes than a cluster has are cut off, with a warning", () => {
  const { findings, told, kept } = started();
  findings.found(Array.from({ length: MAX_NODES + 5 }, (_, index) => `node-${index}:1`));
  expect(told[0]).toHaveLength(MAX_NODES);
  expect(kept.lines[0]).toMatchObject({ level: "warn", fields: { found: MAX_NODES + 5 } });
});

test("a trouble is written with cause and remedy, not again for five minutes, and again when it came back", async () => {
  const { findings, kept, timers } = started();
  const fail = () => findings.fails("dns-lookup", { name: "x", error: "ESERVFAIL" });
  fail();
  fail();
  expect(kept.lines).toMatchObject([
    {
      level: "error",
      event: "dns lookup error",
      fields: { discovery: "dns", cause: expect.any(String), remedy: expect.any(String) },
    },
  ]);
  expect(findings.problem).toBe("dns lookup error: ESERVFAIL");
  await timers.advance(5 * 60_000);
  fail();
  findings.works();
  fail();
  expect(findings.problem).not.toBeNull();
  expect(kept.events()).toEqual([
    "dns lookup error",
    "dns lookup error",
    "discovery works again",
    "dns lookup error",
  ]);
});

test("after its end nothing is told or written", () => {
  const { findings, told, kept } = started();
  findings.end();
  findings.found(["10.0.0.2:1"]);
  findings.fails("dns-lookup", {});
  expect([told, kept.lines]).toEqual([[], []]);
});

test("what is seen lives as long as was said, and who makes up names pushes nobody out", async () => {
  const timers = virtualTimers();
  let seen: readonly string[] = [];
  const sightings = new Sightings<number>(timers, (addresses) => (seen = addresses));
  sightings.seen(-1, "10.0.0.1:1", 2000);
  for (let key = 0; key < MAX_NODES + 10; key++) sightings.seen(key, `node-${key}:1`, 1000);
  expect([seen.length, seen[0]]).toEqual([MAX_NODES, "10.0.0.1:1"]);
  await timers.advance(1000);
  expect(seen).toEqual(["10.0.0.1:1"]);
  expect([sightings.gone(-1), sightings.gone(-1)]).toEqual([true, false]);
});

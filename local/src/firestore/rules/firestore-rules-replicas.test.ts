/** firestore.rules: what a replica's document may hold, and which of two writes is the later one. */
import { describe, expect, test } from "vitest";
import { ID, OLD, REPLICA, worldIn } from "./lifecycle-world.ts";
import { service, type Fields } from "./rules-world.ts";

const PATH = `deployments/${ID}/replicas/shop-1`;
const COLLECTOR = service("collector");

const isAllowed = (fields: Fields, stored: Fields | null = null): boolean => {
  const world = worldIn("healthy");
  if (stored !== null) world.put(PATH, stored);
  return world.commit(COLLECTOR, [{ set: PATH, fields }]).allowed;
};

describe("a sample", () => {
  test.each<[string, Fields]>([
    ["of an app nothing is known about", { cpuMillicores: null, memoryBytes: null, threads: null }],
    ["without an answer", { lastStatus: null, connectMs: null, lastResult: "refused" }],
    ["with the answer that failed", { lastStatus: 503, lastBody: "no", lastResult: "status" }],
    ["of the first number", { seq: 0 }],
  ])("%s is stored", (_what, change) => {
    expect(isAllowed({ ...REPLICA, ...change })).toBe(true);
    expect(isAllowed({ ...REPLICA, seq: 9, ...change }, { ...REPLICA, boot: 2 })).toBe(true);
  });

  const counts = ["boot", "seq", "verdictMs", "consecutivePasses", "restarts", "latencyMs"];
  const optional = ["lastStatus", "connectMs", "cpuMillicores", "memoryBytes", "descriptors"];
  const wrong: readonly (readonly [string, unknown])[] = [
    ["pod", "shop-2"],
    ...[...counts, ...optional, "threads"].flatMap((field) => [
      [field, -1] as const,
      [field, "1"] as const,
    ]),
    ...counts.map((field) => [field, null] as const),
    ["at", 1],
    ["receivedAt", 1],
    ["expireAt", 1],
    ["expireAt", OLD],
    ["healthy", 1],
    ["proven", null],
    ["lastResult", "fine"],
    ["lastBody", 1],
    ["extra", 1],
  ];
  test.each(wrong)("with %s = %j is refused", (field, value) => {
    expect(isAllowed({ ...REPLICA, [field]: value })).toBe(false);
    expect(isAllowed({ ...REPLICA, seq: 9, [field]: value }, REPLICA)).toBe(false);
  });

  test.each(Object.keys(REPLICA))("without %s is refused", (field) => {
    const { [field]: _missing, ...rest } = REPLICA as Fields;
    expect(isAllowed(rest)).toBe(false);
  });
});

test.each<[string, Fields, boolean]>([
  ["a higher number", { seq: 6 }, true],
  ["the same number", { seq: 5 }, false],
  ["a lower number", { seq: 4 }, false],
  ["a smaller boot", { boot: 1, seq: 1 }, true],
  ["a larger boot", { boot: 2000, seq: 1 }, true],
])("%s replaces what is stored: %j is %j", (_what, change, expected) => {
  expect(isAllowed({ ...REPLICA, ...change }, REPLICA)).toBe(expected);
});

test("what is no sample is replaced by one", () => {
  expect(isAllowed(REPLICA, { healthy: true })).toBe(true);
});

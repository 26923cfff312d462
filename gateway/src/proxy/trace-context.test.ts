import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { isTraceparent, traceIdOf, traceparents } from "./trace-context.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

test.each([
  [`00-${ID}-${PARENT}-01`, true],
  [`00-${ID}-${PARENT}-00`, true],
  [`00-${ID}-${PARENT}-ff`, true],
  [`cc-${ID}-${PARENT}-01`, true],
  [`cc-${ID}-${PARENT}-01-what-comes-later`, true],
  [`00-${ID}-${PARENT}-01-more`, false],
  [`ff-${ID}-${PARENT}-01`, false],
  [`00-${"0".repeat(32)}-${PARENT}-01`, false],
  [`00-${ID}-${"0".repeat(16)}-01`, false],
  [`00-${ID.toUpperCase()}-${PARENT}-01`, false],
  [`00-${ID.slice(1)}-${PARENT}-01`, false],
  [`00-${ID}-${PARENT}-1`, false],
  [`00-${ID}-${PARENT}-01 `, false],
  [`0-${ID}-${PARENT}-01`, false],
  [`00${ID}${PARENT}01`, false],
  [`cc-${ID}-${PARENT}-01-\u00e9`, false],
  ["", false],
])("%j is a traceparent: %j", (text, isValid) => {
  expect(isTraceparent(text)).toBe(isValid);
});

test("the trace id is its second part", () => {
  expect(traceIdOf(`00-${ID}-${PARENT}-01`)).toBe(ID);
});

test("what is made is valid and all different, from one call for random bytes in 128", () => {
  let calls = 0;
  const next = traceparents((size) => {
    calls++;
    return randomBytes(size);
  });
  const made = Array.from({ length: 256 }, next);
  expect(made.filter((one) => !isTraceparent(one) || !one.endsWith("-00"))).toEqual([]);
  expect(new Set(made.map(traceIdOf)).size).toBe(256);
  expect(new Set(made.map((one) => one.slice(36, 52))).size).toBe(256);
  expect(calls).toBe(2);
});

import { array, assert, boolean, double, oneof, property, string } from "fast-check";
import { expect, test } from "vitest";
import { parseSettings } from "./policy-settings.ts";

test.each<[string, unknown]>([
  ["rate=10", 10],
  ["rate=-0.5", -0.5],
  ["open=true", true],
  ["by=header", "header"],
  ["by=", ""],
  ['code="007"', "007"],
  ['networks=["10.0.0.0/8", "::1"]', ["10.0.0.0/8", "::1"]],
  ["pages={}", "{}"],
  ["list=[1, 2]", "[1, 2]"],
  ["nothing=null", "null"],
  ["rule=a=b", "a=b"],
])("--set %s is %j", (setting, value) => {
  expect(Object.values(parseSettings([setting]))).toEqual([value]);
});

test.each(["rate", "=10", ""])("--set %j is refused with an example", (setting) => {
  expect(() => parseSettings([setting])).toThrow(/key=value/);
});

test("every value a policy may have can be written", () => {
  const anyText = string({ unit: "grapheme" });
  const numbers = double({ noNaN: true, noDefaultInfinity: true });
  assert(
    property(oneof(anyText, numbers, boolean(), array(anyText)), (value) => {
      // There is no negative zero in JSON.
      const wanted = value === 0 ? 0 : value;
      expect(parseSettings([`key=${JSON.stringify(wanted)}`])).toEqual({ key: wanted });
    }),
  );
});

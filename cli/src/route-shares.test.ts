import { describe, expect, it } from "vitest";
import { parseStickiness, parseTarget, targetWords } from "./route-shares.ts";

describe("--target", () => {
  it.each([
    ["12", { deployment: 12 }],
    ["#12=90", { deployment: 12, weight: 90 }],
    ["13:canary=10", { deployment: 13, name: "canary", weight: 10 }],
    ["live=0", { deployment: "live", weight: 0 }],
    ["depaaaaaaaaaaa:a", { deployment: "depaaaaaaaaaaa", name: "a" }],
  ])("%s is %o", (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  it.each(["", "=1", "12=-1", "12=1.5", "12=ten", "12:=1", "A", "12=10%"])(
    "%j is refused",
    (text) => {
      expect(() => parseTarget(text)).toThrow(/13:canary=10/);
    },
  );
});

it.each([
  ["address", { by: "address" }],
  ["cookie:id", { by: "cookie", name: "id" }],
  ["header:X-User", { by: "header", name: "X-User" }],
])("--sticky %s is %o", (text, stickiness) => {
  expect(parseStickiness(text)).toEqual(stickiness);
});

it.each(["", "cookie", "cookie:", "ip", "cookie:a b"])("--sticky %j is refused", (text) => {
  expect(() => parseStickiness(text)).toThrow(/cookie:<name>/);
});

it("shares are said in percent", () => {
  const canary = { deployment: "depaaaaaaaaaaa", number: 13, weight: 1, name: "canary" };
  const live = { deployment: "live", number: null, weight: 2, name: null };
  expect(targetWords([live, canary])).toBe("live 66.7 %, 13 (canary) 33.3 %");
  expect(targetWords([])).toBe("the live release");
});

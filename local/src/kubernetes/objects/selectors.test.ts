import { describe, expect, it } from "vitest";
import { parseQuantity } from "./quantity.ts";
import { matchesLabels, parseFieldSelector, parseLabelSelector } from "./selectors.ts";

describe("label selectors", () => {
  const labels = { app: "web", tier: "front" };
  it.each([
    ["", true],
    ["app=web", true],
    ["app==web,tier=front", true],
    ["app!=web", false],
    ["other!=x", true],
    ["app in (web,api)", true],
    ["app notin (web, api)", false],
    ["app in (api),tier", false],
    ["tier", true],
    ["!tier", false],
    ["!other", true],
  ])("%j on app=web,tier=front is %s", (text, expected) => {
    expect(parseLabelSelector(text)?.(labels)).toBe(expected);
  });

  it.each(["a===b", "a in b", "=x", "a b"])("%j is not a selector", (text) => {
    expect(parseLabelSelector(text)).toBeUndefined();
  });

  it("of an object match everything when empty and nothing when absent", () => {
    expect([matchesLabels({}, labels), matchesLabels(undefined, labels)]).toEqual([true, false]);
  });
});

describe("field selectors", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    status: { phase: "Running" },
  };
  it.each([
    ["metadata.name=a", true],
    ["metadata.name!=a", false],
    ["metadata.name=a,status.phase=Pending", false],
    ["spec.nodeName=", true],
  ])("%j is %s", (text, expected) => {
    const selector = parseFieldSelector(text);
    expect(typeof selector === "function" && selector(pod)).toBe(expected);
  });
});

describe("quantities", () => {
  it.each([
    ["128Mi", 134_217_728],
    ["250m", 0.25],
    ["1.5", 1.5],
    ["2k", 2000],
    ["1e3", 1000],
    ["12Q", undefined],
    ["", undefined],
    ["Mi", undefined],
  ])("%j is %s", (text, expected) => {
    expect(parseQuantity(text)).toBe(expected);
  });
});

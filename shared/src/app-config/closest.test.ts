import { describe, expect, it } from "vitest";
import { closest, editDistance } from "./closest.ts";

describe("the nearest word", () => {
  it.each([
    ["prot", ["port", "root", "name"], "port"],
    ["max-replicas", ["min_replicas", "max_replicas"], "max_replicas"],
    ["Runtime", ["runtime"], "runtime"],
    ["cobol", ["node", "go", "rust"], undefined],
    ["x".repeat(41), ["x".repeat(40)], undefined],
  ])("to %s", (word, candidates, expected) => {
    expect(closest(word, candidates)).toBe(expected);
  });

  it.each([
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["ab", "ba", 1],
    ["same", "same", 0],
  ])("counts edits from %s to %s", (a, b, distance) => {
    expect([editDistance(a, b), editDistance(b, a)]).toEqual([distance, distance]);
  });
});

import { describe, expect, it } from "vitest";
import { alignColumns, isClosedPipe } from "./output.ts";

describe("columns", () => {
  it("are as wide as their widest cell, without blanks at the end", () => {
    const rows = [
      ["a", "bbb", "c"],
      ["aaaa", "b", ""],
    ];
    expect(alignColumns(rows)).toEqual(["a     bbb  c", "aaaa  b"]);
  });

  it("do not count colour codes", () => {
    const green = "\u001B[32mok\u001B[0m";
    expect(
      alignColumns([
        [green, "x"],
        ["long", "y"],
      ]),
    ).toEqual([`${green}    x`, "long  y"]);
  });

  it("hold rows of different lengths, and none", () => {
    expect(alignColumns([["a"], ["b", "c"], []])).toEqual(["a", "b  c", ""]);
    expect(alignColumns([])).toEqual([]);
  });
});

describe("a closed pipe", () => {
  it("is told from other errors of a stream", () => {
    expect(isClosedPipe(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }))).toBe(true);
    expect(isClosedPipe(Object.assign(new Error("no space"), { code: "ENOSPC" }))).toBe(false);
    expect(isClosedPipe(new Error("EPIPE"))).toBe(false);
  });
});

import { describe, expect, it } from "vitest";
import { explore } from "./explore.ts";

const MAX_EVENTS = process.env["BIFROST_SOAK"] === "long" ? 6 : 5;

describe("three nodes", () => {
  it(`after any ${MAX_EVENTS} events, lost or not, agree once the network works, and incarnations only grow`, () => {
    const { sequences, endings, problems } = explore(MAX_EVENTS);
    expect(problems).toEqual([]);
    expect(sequences).toBeGreaterThan(1000);
    expect(endings).toBeGreaterThan(20);
  }, 600_000);
});

/**
 * Every test of firestore.rules once more, in one process, and then what they left untried. Each file
 * firestore-rules-*.test.ts beside this one takes part; a line of the rules that none of them reaches fails here.
 */
import { readdirSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { coverage } from "./lifecycle-world.ts";

const folder = new URL(".", import.meta.url);
const files = readdirSync(folder).filter((name) => /^firestore-rules-.*\.test\.ts$/.test(name));
for (const file of files) await import(new URL(file, folder).href);

function shown(): string {
  const { lines, unreached, conditions, oneSided } = coverage.report();
  return [
    `firestore.rules: ${lines - unreached.length} of ${lines} lines with expressions were reached`,
    ...unreached.map((line) => `  line ${line}: never reached`),
    `firestore.rules: ${conditions - oneSided.length} of ${conditions} conditions went both ways`,
    ...oneSided.map(({ line, column, never }) => `  ${line}:${column}: never ${never}`),
  ].join("\n");
}

test("every line of firestore.rules with an expression is reached by its tests", () => {
  expect(files.length).toBeGreaterThanOrEqual(3);
  expect(coverage.report().unreached).toEqual([]);
});

afterAll(() => {
  process.stdout.write(`${shown()}\n`);
});

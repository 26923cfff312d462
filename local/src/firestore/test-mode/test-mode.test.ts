import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const LOCAL = path.join(import.meta.dirname, "..", "..");

test("nothing that assembles the platform speaks of test mode", () => {
  const files = readdirSync(LOCAL, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("firestore"),
  );
  expect(files).toContain(path.join("assemble", "messages.ts"));
  const speaking = files.filter((file) =>
    readFileSync(path.join(LOCAL, file), "utf8").includes("testMode"),
  );
  expect(speaking).toEqual([]);
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GATEWAY_VERSION } from "./version.ts";

test("the version that nodes tell is the one of the package", () => {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  expect(JSON.parse(text)).toMatchObject({ version: GATEWAY_VERSION });
});

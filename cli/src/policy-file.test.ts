import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readPolicyFile } from "./policy-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-policy-"));
  writeFileSync(path.join(folder, "our_limits.lua"), "-- source");
  writeFileSync(path.join(folder, "compiled.lua"), Buffer.from([0x1b, 0x4c, 0x75, 0x61, 0xff]));
  mkdirSync(path.join(folder, "folder.lua"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (file: string, text: string) => writeFileSync(path.join(folder, file), text);

describe("a policy's file", () => {
  it("names the policy, and its tests are found beside it", () => {
    const file = "our_limits.lua";
    const alone = { name: "our-limits", source: "-- source", test: null, testFile: null };
    expect(readPolicyFile(folder, file, {})).toEqual(alone);
    write("our_limits_test.lua", "-- test");
    const testFile = path.join(folder, "our_limits_test.lua");
    const tested = { ...alone, test: "-- test", testFile };
    expect(readPolicyFile(folder, file, {})).toEqual(tested);
    expect(readPolicyFile("/", path.join(folder, file), {})).toEqual(tested);
  });

  it("may be told its name and its tests", () => {
    write("other.lua", "-- other test");
    const options = { name: "limits", test: "other.lua" };
    const found = readPolicyFile(folder, "our_limits.lua", options);
    expect(found).toMatchObject({ name: "limits", test: "-- other test" });
  });

  it.each([
    ["no-such.lua", {}, /there is no file .*no-such\.lua/],
    ["our_limits.lua", { test: "no_test.lua" }, /there is no file .*no_test\.lua/],
    ["our_limits", {}, /must end in \.lua/],
    ["folder.lua", {}, /folder\.lua cannot be read/],
    ["compiled.lua", {}, /compiled\.lua is not UTF-8 text/],
    ["our_limits.lua", { test: "compiled.lua" }, /compiled\.lua is not UTF-8 text/],
    ["our_limits.lua", { name: "Our Limits" }, /cannot be a policy's name.*--name/],
  ])("%s with %j is refused: %s", (file, options, message) => {
    expect(() => readPolicyFile(folder, file, options)).toThrow(message);
  });
});

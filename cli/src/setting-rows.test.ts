import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";
import { expect, test } from "vitest";
import { settingRows, settingViews } from "./setting-rows.ts";

test("settings are shown with their default, what they may be and what they are for", () => {
  const rows = settingRows(STANDARD_POLICIES["rate-limit"]?.settings ?? {});
  expect(rows.map(([name, kind, byDefault, allowed]) => [name, kind, byDefault, allowed])).toEqual([
    ["rate", "number", "10", "0.001 to 1000000"],
    ["burst", "number", "none", "1 to 1000000"],
    ["by", "string", `"address"`, "address, header, cookie"],
    ["name", "string", "none", "not be empty"],
    ["mode", "string", `"balanced"`, "balanced, strict, split"],
    ["status", "number", "429", "400 to 599"],
    ["message", "string", `"Too many requests.\\n"`, ""],
  ]);
  expect(settingRows(STANDARD_POLICIES["cors"]?.settings ?? {})[0]?.[2]).toBe("required");
});

test("programs get them as JSON", () => {
  const views = Object.values(STANDARD_POLICIES).flatMap(({ settings }) => settingViews(settings));
  expect(views.length).toBeGreaterThan(20);
  expect(JSON.parse(JSON.stringify(views))).toEqual(views);
});

import { expect, test } from "vitest";
import { compileRules } from "./compile.ts";

test("a file that allows one collection denies every other", () => {
  const rules = compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /open/{id} { allow get: if id == 'x'; }
  }
}`);
  const check = (name: string) =>
    rules.check({
      method: "get",
      name: `projects/p/databases/(default)/documents/${name}`,
      auth: null,
      timeMicros: 0n,
      before: null,
      after: null,
      read: () => null,
      readAfter: () => null,
    });
  expect(check("open/x")).toMatchObject({ allowed: true, reason: "line 4 allows get" });
  expect(check("open/y")).toMatchObject({ allowed: false, reason: "line 4: false" });
  expect(check("shut/x").reason).toBe("no statement allows get on /shut/x");
});

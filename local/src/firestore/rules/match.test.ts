import { expect, test } from "vitest";
import { Query } from "../query/query.ts";
import { compileRules } from "./compile.ts";
import type { RulesRequest } from "./rules.ts";

const ROOT = "projects/p/databases/(default)/documents";
const rules = compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /plain/{id} { allow get: if id == 'x'; allow write; }
    match /fixed/one { allow read; }
    match /listed/{id} { allow list; }
    match /deep/{rest=**} { allow read: if string(rest) == '/a/b/c'; }
    match /under/{id}/{rest=**} { allow get; }
    match /outer/{a} {
      match /inner/{b} { allow get: if a + b == 'xy'; }
      match /{tail=**} { allow create: if tail == /z/1; }
    }
  }
  match /{all=**} { allow delete: if request.auth != null; }
}`);

const CASES: readonly (readonly [RulesRequest["method"], path: string, allowed: boolean])[] = [
  ["get", "plain/x", true],
  ["get", "plain/y", false],
  ["get", "plain/x/sub/x", false],
  ["create", "plain/any", true],
  ["update", "plain/any", true],
  ["delete", "plain/any", true],
  ["delete", "other/any", false],
  ["get", "fixed/one", true],
  ["get", "fixed/two", false],
  ["list", "fixed", false],
  ["list", "plain", false],
  ["list", "listed", true],
  ["list", "listed/a/below", false],
  ["list", "deep/a/b", false],
  ["get", "deep/a/b/c", true],
  ["get", "deep/a/b/d", false],
  ["get", "deep/a", false],
  ["get", "under/a", true],
  ["get", "under/a/b/c", true],
  ["get", "under/a/b/c/d/e", true],
  ["get", "outer/x/inner/y", true],
  ["get", "outer/x/inner/z", false],
  ["create", "outer/x/z/1", true],
  ["create", "outer/x/z/2", false],
  // No documents, and so never allowed.
  ["get", "plain", false],
  ["get", "plain/x/sub", false],
  ["get", "plain//x/x", false],
];

test.each(CASES)("%s %s: %s", (method, path, allowed) => {
  const isList = method === "list";
  const segments = [...ROOT.split("/"), ...path.split("/")];
  const parent = segments.slice(0, -1).join("/");
  const from = [{ collectionId: segments.at(-1) }];
  const verdict = rules.check({
    method,
    name: isList ? parent : segments.join("/"),
    ...(isList && { query: new Query(parent, { from }) }),
    auth: null,
    timeMicros: 0n,
    before: null,
    after: null,
    read: () => null,
    readAfter: () => null,
  });
  expect(verdict).toMatchObject({ allowed });
});

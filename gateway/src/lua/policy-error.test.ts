import { expect, test } from "vitest";
import { evaluate, failureOf, openVm, policyRequest, TEST_LIMITS } from "../testing/policy-rig.ts";

test.each([
  ["a table", "error({})", "the error is not a string", 2],
  ["nil", "error()", "the error is not a string", 2],
  ["a number", "error(42)", "42", 2],
  ["a string", `error("why")`, "why", 2],
  ["a string from deep below", `local function f() error("why", 2) end f()`, "why", 2],
])("an error may be %s", (_, body, reason, line) => {
  expect(failureOf(() => evaluate(body))).toMatchObject({ kind: "error", reason, line });
});

test("an error names script, line and the calls that led to it", () => {
  const vm = openVm(`local function inner(x)
  return x.y.z
end
function on_request(req)
  local found = inner({})
end`);
  const error = failureOf(() => vm.onRequest(policyRequest()));
  vm.close();
  expect(error.message).toBe("test:2: attempt to index a nil value (field 'y')");
  expect(error.luaStack.split("\n")).toEqual([
    "test:2: in upvalue 'inner'",
    "test:5: in function 'on_request'",
  ]);
});

test.each([
  ["budget", "while true do end", 100, 3],
  // With time enough, however busy the machine is.
  ["memory", `local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end`, 60_000, 3],
])("an error of kind %s names its line too", (kind, body, budgetMs, line) => {
  const limits = { ...TEST_LIMITS, budgetMs };
  expect(failureOf(() => evaluate(`\n${body}`, { limits }))).toMatchObject({ kind, line });
});

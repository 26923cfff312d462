import { array, assert, constantFrom, property, record } from "fast-check";
import { afterEach, expect, test } from "vitest";
import { LIMIT_MODES } from "../limits/limiter.ts";
import type { PolicyOutcome } from "../policies/policy-chain.ts";
import { FakeLimiter } from "../testing/fake-limiter.ts";
import { openVm, policyRequest } from "../testing/policy-rig.ts";
import { LimitCalls } from "./limit-calls.ts";
import type { PolicyVm } from "./policy-vm.ts";

const open: PolicyVm[] = [];
afterEach(() => {
  for (const vm of open.splice(0)) vm.close();
});

function rig(body: string) {
  const limiter = new FakeLimiter();
  const vm = openVm(`function on_request(req) ${body} end`, { limiter });
  open.push(vm);
  const limits = new LimitCalls();
  limits.mayWait = true;
  return { limiter, vm, limits, ask: () => vm.onRequest(policyRequest(), limits) };
}

function decided(result: PolicyOutcome | Promise<void>): string {
  if (result instanceof Promise) throw new Error("it waits");
  return result.answer?.body ?? "";
}

const STRICT = `local function strict(key) return limit(key, 1, 1, "strict") end `;

test("a run that meets a limit whose answer is not known ends there, and begins anew once it is", async () => {
  const { limiter, ask } = rig(`${STRICT} state.incr("runs")
    local ok = strict("a") deny(200, tostring(ok) .. " " .. state.get("runs"))`);
  const known = ask();
  expect(known).toBeInstanceOf(Promise);
  limiter.tell("a", 1);
  await known;
  expect(decided(ask())).toBe("true 2");
  expect(limiter.taken).toEqual(["a"]);
});

test.each([
  ["pcall", `pcall(strict, "a")`],
  ["a pcall in a loop", `while true do pcall(strict, "a") end`],
  ["pcalls in pcalls", `pcall(pcall, pcall, strict, "a")`],
  ["xpcall with a handler that goes on", `xpcall(strict, function() while true do end end, "a")`],
  ["a sort", `table.sort({ 1, 2 }, function() return strict("a") end)`],
  [
    "a value that is closed",
    `local x <close> = setmetatable({}, { __close = function() while true do end end }) strict("a")`,
  ],
])("nothing in a script holds up the end of its run: %s", (_, body) => {
  const { vm, limiter, ask } = rig(`${STRICT} if req.path == "/" then ${body} end deny(200, "on")`);
  for (let run = 0; run < 20; run++) expect(ask()).toBeInstanceOf(Promise);
  expect(decided(vm.onRequest(policyRequest({ target: "/other" })))).toBe("on");
  expect(limiter.taken).toEqual([]);
});

test.each([
  ["in the same order", `strict("a") strict("b")`],
  [
    "in another order each time",
    `if state.incr("n") % 2 == 0 then strict("a") strict("b") else strict("b") strict("a") end`,
  ],
  ["and others before them", `limit("c", 1, 1) limit("c", 1, 1) strict("a") strict("b")`],
])("a token is taken once however often the script begins anew: %s", async (_, body) => {
  const { limiter, ask } = rig(`${STRICT} ${body}`);
  for (const key of ["a", "b"]) {
    limiter.tell(key, 10);
    for (let run = 0; run < 3; run++) void ask();
  }
  decided(ask());
  const strict = limiter.taken.filter((key) => key !== "c");
  expect(strict.toSorted()).toEqual(["a", "b"]);
  expect(limiter.taken.filter((key) => key === "c")).toHaveLength(body.includes(`"c"`) ? 2 : 0);
});

test("every call takes one token in the end, whatever became known when", () => {
  const call = record({ key: constantFrom("a", "b", "c"), mode: constantFrom(...LIMIT_MODES) });
  assert(
    property(
      array(call, { minLength: 1, maxLength: 8 }),
      array(constantFrom("a", "b", "c"), { maxLength: 6 }),
      (calls, order) => {
        const body = calls.map(({ key, mode }) => `limit("${key}", 1, 1, "${mode}")`).join(" ");
        const { limiter, ask } = rig(body);
        for (const key of [...order, "a", "b", "c"]) {
          void ask();
          limiter.tell(key, 100);
        }
        decided(ask());
        expect(limiter.taken.toSorted()).toEqual(calls.map(({ key }) => key).toSorted());
        open.splice(0).forEach((vm) => vm.close());
      },
    ),
    { numRuns: 200 },
  );
});

test("who may not wait is told to come back in a second", () => {
  const { limits, ask } = rig(
    `${STRICT} local ok, wait = strict("a") deny(200, tostring(ok) .. " " .. wait)`,
  );
  expect(ask()).toBeInstanceOf(Promise);
  limits.mayWait = false;
  expect(decided(ask())).toBe("false 1.0");
});

test("on_response does not wait", () => {
  const limiter = new FakeLimiter();
  const source = `function on_response(req, resp)
    local ok, wait = limit("a", 1, 1, "strict") resp:set_header("x", tostring(ok) .. wait) end`;
  const vm = openVm(source, { limiter });
  open.push(vm);
  const edit = vm.onResponse(policyRequest(), { status: 200, header: () => undefined });
  expect(edit?.apply("")).toBe("x: false1.0\r\n");
  expect(limiter.waitingFor("a")).toBe(0);
});

test("a request that took very many tokens waits for no other, because not all of them are remembered", () => {
  const { limiter, ask } = rig(`${STRICT} for i = 1, 64 do limit("b" .. i, 1, 1) end
    deny(200, tostring((strict("a"))))`);
  expect(decided(ask())).toBe("false");
  expect(limiter.taken).toHaveLength(64);
});

test("runs that were abandoned leave nothing behind", () => {
  const { vm, limiter } = rig(`${STRICT} local kept = ("x"):rep(1000) strict("a")`);
  const wait = (): void => {
    const limits = new LimitCalls();
    limits.mayWait = true;
    expect(vm.onRequest(policyRequest(), limits)).toBeInstanceOf(Promise);
    limiter.wake("a");
  };
  for (let run = 0; run < 1000; run++) wait();
  vm.state.collect();
  const before = vm.state.used;
  for (let run = 0; run < 20_000; run++) wait();
  vm.state.collect();
  expect(vm.state.used - before).toBeLessThan(1000);
});

/** What scripts cannot reach, and what of runaway scripts ends within their budget and leaves the state sound. */
import { afterEach, expect, test } from "vitest";
import { evaluate, lua, openVm, policyRequest } from "../testing/policy-rig.ts";
import { LuaState } from "./lua-state.ts";
import { PolicyError } from "./policy-error.ts";
import type { PolicyVm } from "./policy-vm.ts";

const LIMITS = { maxMemoryBytes: 4_000_000, budgetMs: 20 };
const SPIN = "while true do end";

const open: PolicyVm[] = [];
afterEach(() => open.splice(0).forEach((vm) => vm.close()));

function failureOf(task: () => unknown): PolicyError {
  try {
    task();
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test.each(
  `os io debug package require load loadfile loadstring dofile collectgarbage print rawset coroutine warn
   string.dump host_find host_fetch host_define host_request host_reset state_get`.split(/\s+/),
)("%s is not there", (name) => {
  expect(evaluate(`answer(${name})`)).toBe("nil");
});

test("what is there is exactly what is meant to be", () => {
  const names = evaluate(
    `local names = {} for name in pairs(_G) do names[#names + 1] = name end table.sort(names) answer(table.concat(names, " "))`,
  );
  expect(names).toBe(
    "_G _VERSION assert base64_decode config deny equal error getmetatable ipairs limit log math networks next on_request pairs pcall rawequal rawget rawlen redirect resp select setmetatable settings sha256 split state string table tonumber tostring type utf8 xpcall",
  );
});

test.each([
  [
    "the prototype chain of a JS object",
    `answer(pcall(function() return req.constructor end))`,
    /false .*req has no constructor/,
  ],
  [
    "__proto__",
    `answer(pcall(function() return req.__proto__ end))`,
    /false .*req has no __proto__/,
  ],
  ["the metatable of req", `answer(getmetatable(req), getmetatable(resp))`, /^false false$/],
  [
    "a new metatable of req",
    `answer(pcall(setmetatable, req, {}))`,
    /^false .*cannot change a protected metatable$/,
  ],
  [
    "a write to req",
    `answer(pcall(function() req.path = "/x" end))`,
    /^false .*req has no path to assign/,
  ],
  ["a write to req past __newindex", `answer(pcall(table.insert, req, 1), #req)`, /^false/],
  ["the metatable of strings", `answer(getmetatable(""))`, /^false$/],
  [
    "a finalizer",
    `answer(pcall(setmetatable, {}, { __gc = function() end }))`,
    /^false __gc is not available to scripts$/,
  ],
  [
    "a finalizer that is no function",
    `answer(pcall(setmetatable, {}, { __gc = 1 }))`,
    /^false __gc is not available/,
  ],
  ["a header number of the host's own", `answer(pcall(req.header, req, 9))`, /^true nil$/],
  [
    "a header name that is a table",
    `answer(pcall(req.header, req, {}))`,
    /^false .*must be a string/,
  ],
  [
    "the loader behind _ENV",
    `local _ENV = { answer = answer, _G = _G } answer(_G.load, _G.require)`,
    /^nil nil$/,
  ],
  [
    "a decision's operation that is a table",
    `answer(pcall(req.set_header, req, {}, "x"))`,
    /^false .*must be a string/,
  ],
  [
    "an upvalue through tostring",
    `answer((tostring(limit):gsub("0x%x+", "")))`,
    /^builtin: ?|^function: /,
  ],
])("a script cannot get at %s", (_, body, found) => {
  expect(evaluate(body)).toMatch(found);
});

test("a binary chunk is refused", () => {
  const error = failureOf(() => openVm("\x1bLua"));
  expect(error).toMatchObject({ kind: "load", script: "test" });
  expect(error.message).toContain("attempt to load a binary chunk");
});

test("a script that replaces what the host calls changes nothing", () => {
  const source = `function host_request() return 99 end function host_reset() return 99 end
    string.find, table.concat, tostring, type, error, next = nil, nil, nil, nil, nil, nil
    function on_request(req) req:set_header("a", "1") log("x", 1) resp:set_header("b", 2) end`;
  const vm = track(openVm(source));
  for (let i = 0; i < 5; i++) {
    expect(vm.onRequest(policyRequest()).request?.apply("")).toBe("a: 1\r\n");
  }
});

function track(vm: PolicyVm): PolicyVm {
  open.push(vm);
  return vm;
}

const RUNAWAYS: Readonly<Record<string, string>> = {
  "a loop": SPIN,
  goto: "::top:: goto top",
  repeat: "repeat until false",
  "a numeric for": "for i = 1, math.huge do end",
  "a generic for": "for i in function() return 1 end do end",
  "a loop in pcall": `local function f() ${SPIN} end while true do pcall(f) end`,
  "pcall of pcall": `local function f() pcall(f) ${SPIN} end while true do pcall(f) end`,
  "a loop in xpcall and its handler": `while true do xpcall(function() ${SPIN} end, function() ${SPIN} end) end`,
  "an error with a looping __tostring": `error(setmetatable({}, { __tostring = function() ${SPIN} end })) ${SPIN}`,
  tostring: `tostring(setmetatable({}, { __tostring = function() ${SPIN} end }))`,
  __close: `local t <close> = setmetatable({}, { __close = function() ${SPIN} end }) ${SPIN}`,
  "the closing value of a for": `for i in function() return 1 end, nil, nil, setmetatable({}, { __close = function() ${SPIN} end }) do end`,
  __index: `local t = setmetatable({}, { __index = function() ${SPIN} end }) return t.x`,
  __pairs: `for k in pairs(setmetatable({}, { __pairs = function() ${SPIN} end })) do end`,
  "__eq, __lt, __concat and __len": `local m = {} for _, k in ipairs{"__lt", "__concat", "__len"} do m[k] = function() ${SPIN} end end
     local t = setmetatable({}, m) while true do pcall(function() return t < t end) pcall(function() return t .. 1 end) pcall(function() return #t end) end`,
  sort: "local t = {} for i = 1, 2000 do t[i] = i % 7 end while true do table.sort(t, function(a, b) return a < b end) end",
  "sort by the default order":
    "local t = {} for i = 1, 2000 do t[i] = i % 7 end while true do table.sort(t) end",
  "sort by a host function that takes long": `local t, s = {}, ("x"):rep(120000) .. "!" for i = 1, 8000 do t[i] = s end while true do table.sort(t, base64_decode) end`,
  "sort by a function in C": `local t = {} for i = 1, 60000 do t[i] = (i * 7919) % 100003 end while true do table.sort(t, math.ult) end`,
  "sort with a comparator that lies":
    "local t = {} for i = 1, 1000 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end",
  "gsub with a callback": `while true do string.gsub("aaaa", "a", function() return "b" end) end`,
  "gmatch of nothing": `while true do for _ in string.gmatch("aaaa", "") do end end`,
  "deep recursion through __index":
    "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() return t[1] end) end",
  "a finalizer added late": `local mt = {} for i = 1, 1e4 do setmetatable({}, mt) end mt.__gc = function() ${SPIN} end while true do local x = {} end`,
  "table.move over nothing": "table.move({}, 1, math.maxinteger - 1, 2, {})",
  "table.insert into a list that claims a length":
    "table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, 1)",
  "table.remove from a list that claims a length":
    "table.remove(setmetatable({}, { __len = function() return 1 << 40 end }), 1)",
  "many long comparisons": `local a = ("x"):rep(130000) .. "a" local b = ("x"):rep(130000) .. "b" while true do local _ = a < b end`,
  "many large strings": `while true do local s = ("x"):rep(130000) s = s:upper() end`,
  "allocation that keeps failing": `local t = {} while true do pcall(function() while true do t[#t + 1] = ("x"):rep(100000) .. #t end end) end`,
  "concat of many empty strings": `local t = {} for i = 1, 16000 do t[i] = "" end while true do table.concat(t) end`,
  unpack: `local t = {} for i = 1, 16000 do t[i] = 1 end while true do select(-1, table.unpack(t)) end`,
  "a plain search for what almost fits": `local s = ("a"):rep(120000) local p = ("a"):rep(50000) .. "b" while true do s:find(p, 1, true) end`,
  "host functions": `while true do req:cookie("a") limit("k", 1, 1) sha256("x") end`,
  decisions: `while true do pcall(req.set_header, req, "a", "1") end`,
};

test.each(Object.entries(RUNAWAYS))("it ends within its budget: %s", (_, body) => {
  const vm = track(
    openVm(`function on_request(req) if req.path == "/bad" then ${body} end end`, {
      limits: LIMITS,
    }),
  );
  const error = failureOf(() => vm.onRequest(policyRequest({ target: "/bad" })));
  expect(["budget", "memory", "error"]).toContain(error.kind);
  for (let i = 0; i < 3; i++) expect(vm.onRequest(policyRequest()).answer).toBeNull();
  vm.close();
  expect(vm.state.used).toBe(0);
});

test("it ends when it loads, too", () => {
  expect(failureOf(() => openVm(SPIN, { limits: LIMITS }))).toMatchObject({
    kind: "budget",
    line: 1,
  });
});

test("a kill costs no C stack, and closing gives all memory back", () => {
  const before = lua.ex.stackSave();
  for (let i = 0; i < 100; i++) {
    const vm = openVm(`function on_request() ${SPIN} end`, {
      limits: { ...LIMITS, budgetMs: 0.2 },
    });
    expect(failureOf(() => vm.onRequest(policyRequest())).kind).toBe("budget");
    vm.close();
    expect(vm.state.used).toBe(0);
  }
  expect(lua.ex.stackSave()).toBe(before);
});

test.each([
  ["string.rep", `("x"):rep(1e9)`],
  ["string.rep of nothing", `for i = 1, 10 do ("").rep("", 1e15) end error("was quick")`],
  ["string.rep with a separator", `("x"):rep(1000, ("y"):rep(1000))`],
  ["doubling", `local s = "x" while true do s = s .. s end`],
  ["string.format", `local s = ("x"):rep(100000) s = string.format("%s%s%s", s, s, s)`],
  ["string.format with a width", `string.format("%9999d", 1)`],
  ["a huge table", `local t = {} for i = 1, 1e9 do t[i] = i end`],
  ["many tables", `local t = {} for i = 1, 1e9 do t = { t } end`],
  ["table.concat", `local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1000) end table.concat(t)`],
  ["table.pack of much", `table.unpack({}, 1, 1e7)`],
  ["unpack over the whole range", `table.unpack({}, math.mininteger, math.maxinteger)`],
  ["gsub", `(("x"):rep(1000)):gsub("x", ("y"):rep(1000))`],
  ["gsub with a callback", `(("x"):rep(1000)):gsub("x", function() return ("y"):rep(1000) end)`],
  [
    "a closure chain",
    `local f = function() end for i = 1, 1e9 do local g = f f = function() return g end end`,
  ],
  ["infinite recursion", `local function f() return 1 + f() end f()`],
  ["recursion of pcall", `local function f() return pcall(f) end error(tostring(f()))`],
  ["recursion through a C function", `local function f() return (("x"):gsub("x", f)) end f()`],
  ["recursion through sort", `local function f() table.sort({ 1, 2, 3 }, f) end f()`],
  [
    "recursion through tostring",
    `local m = {} m.__tostring = function() return tostring(setmetatable({}, m)) end tostring(setmetatable({}, m))`,
  ],
  [
    "utf8.char",
    `utf8.char(table.unpack((function() local t = {} for i = 1, 16384 do t[i] = 0x7fffffff end return t end)()))  error("fits")`,
  ],
  ["state", `for i = 1, 1e6 do state.set("k" .. i, 1) end`],
  ["state of long values", `for i = 1, 1e6 do state.set("k" .. i, ("x"):rep(10000)) end`],
  ["a decision of many operations", `for i = 1, 1e6 do req:set_header("a" .. i, "x") end`],
])("it does not get more than its memory: %s", (_, body) => {
  const vm = track(
    openVm(`function on_request(req) if req.path == "/bad" then ${body} end end`, {
      limits: { ...LIMITS, budgetMs: 2000 },
    }),
  );
  const error = failureOf(() => vm.onRequest(policyRequest({ target: "/bad" })));
  expect(["memory", "error"]).toContain(error.kind);
  expect(vm.state.used).toBeLessThanOrEqual(LIMITS.maxMemoryBytes);
  expect(vm.onRequest(policyRequest()).answer).toBeNull();
});

test.each([
  ["30 repetitions", `string.find(("a"):rep(30), ("a*"):rep(30) .. "b")`],
  ["lazy repetitions on a long subject", `string.find(("x"):rep(100000), ".-.-.-b")`],
  ["match", `string.match(("x"):rep(100000), "(.-)(.-)b")`],
  ["gmatch", `for _ in string.gmatch(("x"):rep(100000), ".-.-b") do end`],
  ["gsub", `string.gsub(("x"):rep(100000), ".-.-b", "")`],
  ["gsub with a callback", `string.gsub(("x"):rep(100000), ".-.-b", function() end)`],
  ["a method of a string", `(("x"):rep(100000)):find(".-.-b")`],
  ["balances", `string.find(("("):rep(100000), "%b()")`],
])("a pattern that would run for hours is refused by its steps: %s", (_, body) => {
  expect(failureOf(() => evaluate(body)).reason).toMatch(
    /takes more than 1000000 steps on \d+ bytes/,
  );
});

test("memory of the instance that grows inside a call harms nobody", () => {
  const grown = openVm(
    `function on_request(req) K = {} for i = 1, 300 do K[i] = ("x"):rep(100000) .. i end deny(200, req.path) end`,
    {
      limits: { maxMemoryBytes: 200_000_000, budgetMs: 5000 },
    },
  );
  const before = lua.ex.memory.buffer.byteLength;
  expect(grown.onRequest(policyRequest({ target: "/path" })).answer?.body).toBe("/path");
  expect(lua.ex.memory.buffer.byteLength).toBeGreaterThan(before);
  grown.close();
});

test("values longer than the scratch memory arrive whole", () => {
  const long = "x".repeat(60_000);
  expect(
    evaluate(
      `answer(#req:header("long"), #req.path)`,
      {},
      policyRequest({ target: `/${long}`, headers: { long } }),
    ),
  ).toBe("60000 60001");
});

test("an exception in a host function that nobody expected ends the state and no other", () => {
  const vm = track(
    openVm("function on_request(req) answer = pcall(function() return req.host end) end"),
  );
  const broken = {
    ...policyRequest(),
    get host(): string {
      throw new TypeError("a defect");
    },
  };
  expect(failureOf(() => vm.onRequest(broken))).toMatchObject({ kind: "dead" });
  expect(failureOf(() => vm.onRequest(policyRequest()))).toMatchObject({ kind: "dead" });
  const stack = lua.ex.stackSave();
  for (let i = 0; i < 50; i++) {
    const other = openVm("function on_request(req) return req.host end");
    expect(failureOf(() => other.onRequest(broken)).kind).toBe("dead");
    other.close();
  }
  expect(lua.ex.stackSave()).toBe(stack);
  expect(evaluate(`answer(req.host)`)).toBe("app.test");
});

test.each([
  ["a table", "error({})", "the error is not a string", null],
  ["nil", "error()", "the error is not a string", null],
  ["a number", "error(42)", "42", 1],
  ["a string", `error("why")`, "why", 1],
])("an error may be %s", (_, body, reason, line) => {
  const error = failureOf(() => evaluate(body));
  expect(error.reason).toBe(reason);
  expect([line, 1, 2]).toContain(error.line);
});

test("an error names script, line and the calls that led to it", () => {
  const vm = track(
    openVm(`local function inner(x)
  return x.y.z
end
function on_request(req)
  local found = inner({})
end`),
  );
  const error = failureOf(() => vm.onRequest(policyRequest()));
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
  const error = failureOf(() => evaluate(`\n${body}`, { limits: { ...LIMITS, budgetMs } }));
  expect(error).toMatchObject({ kind, line });
});

test("a metatable of the globals runs inside the limits", () => {
  const hostile = `setmetatable(_G, { __index = function(_, name) error("no " .. name) end, __newindex = function() end })`;
  expect(failureOf(() => openVm(hostile)).reason).toBe("no on_request");
  expect(
    failureOf(() =>
      openVm(`setmetatable(_G, { __index = function() ${SPIN} end })`, { limits: LIMITS }),
    ).kind,
  ).toBe("budget");
});

test("states of one instance do not see each other", () => {
  const state = new LuaState(lua, "bare");
  state.run("shared = 1");
  expect(evaluate("answer(shared)")).toBe("nil");
  state.close();
  expect(state.used).toBe(0);
});

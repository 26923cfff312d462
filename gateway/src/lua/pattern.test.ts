/** Our matcher against Lua's own, in a state that still has it. */
import { afterAll, expect, test } from "vitest";
import { array, assert, constantFrom, integer, oneof, property, string } from "fast-check";
import { lua } from "../testing/policy-rig.ts";
import { DEFAULT_LIMITS, LuaState } from "./lua-state.ts";
import { definePatternFunctions } from "./pattern-functions.ts";
import { closeSandbox } from "./sandbox.ts";

const SHOW = `
local concat = table.concat
local function show(ok, ...)
  if not ok then return "error" end
  local t = {}
  for i = 1, select("#", ...) do t[i] = math.type((select(i, ...))) or type((select(i, ...))) t[i] = t[i] .. ":" .. tostring((select(i, ...))) end
  return concat(t, "|")
end
function try()
  local out = {
    show(pcall(string.find, S, P, I)),
    show(pcall(string.match, S, P, I)),
    show(pcall(string.gsub, S, P, "<%0>", N)),
    show(pcall(string.gsub, S, P, function(a) return a and "[" .. a .. "]" end, N)),
    show(pcall(string.gsub, S, P, { a = "A", b = false }, N)),
  }
  local all = {}
  out[#out + 1] = show(pcall(function()
    for a, b in string.gmatch(S, P) do all[#all + 1] = tostring(a) .. "," .. tostring(b) end
    return concat(all, ";")
  end))
  return concat(out, "\\n")
end
result = ""
function run() result = try() end`;

class Judge {
  readonly state: LuaState;
  private readonly slot: number;

  constructor(isOurs: boolean) {
    // What a busy machine takes from it is not what is judged.
    this.state = new LuaState(lua, "judge", { ...DEFAULT_LIMITS, budgetMs: 10_000 });
    if (isOurs) closeSandbox(this.state);
    this.state.run(SHOW);
    this.slot = this.state.park("run");
  }

  ask(subject: string, pattern: string, from: number, most: number): string {
    const { state } = this;
    state.setGlobals({ S: subject, P: pattern, I: from, N: most });
    state.pushParked(this.slot);
    state.call(0, 0);
    return String(state.global("result"));
  }
}

const ours = new Judge(true);
const theirs = new Judge(false);
afterAll(() => [ours, theirs].forEach(({ state }) => state.close()));

const single = constantFrom(
  "a",
  "b",
  ".",
  "%a",
  "%d",
  "%s",
  "%w",
  "%p",
  "%x",
  "%l",
  "%u",
  "%g",
  "%c",
  "%W",
  "%.",
  "%%",
  "[ab]",
  "[^a]",
  "[]]",
  "[^]a]",
  "[a-c%d]",
  "[a-]",
  "[%w_]",
  "-",
  "x",
  " ",
);
const item = oneof(
  { weight: 8, arbitrary: single },
  {
    weight: 6,
    arbitrary: single.chain((one) => constantFrom("*", "+", "-", "?").map((how) => one + how)),
  },
  { weight: 1, arbitrary: constantFrom("%bab", "%f[%w]", "%f[^a]", "()", "$", "^", "(a-)%1") },
  { weight: 2, arbitrary: single.map((one) => `(${one}*)`) },
  { weight: 2, arbitrary: single.map((one) => `(${one}.-)`) },
);
const pattern = array(item, { maxLength: 5 }).chain((items) =>
  constantFrom("", "^").map((anchor) => anchor + items.join("")),
);
const subject = string({
  unit: constantFrom("a", "b", "c", "x", " ", "1", ".", "-", "]", "A", "_", "\n", "\0", "é"),
  maxLength: 12,
});

test("patterns find, match, replace and iterate as Lua's own do", () => {
  assert(
    property(
      subject,
      pattern,
      integer({ min: -14, max: 14 }),
      integer({ min: 0, max: 4 }),
      (text, made, from, most) => {
        expect(ours.ask(text, made, from, most)).toBe(theirs.ask(text, made, from, most));
      },
    ),
    { numRuns: 3000 },
  );
});

test.each([
  ["(a)(b)%2%1", "abba"],
  ["^%s*(.-)%s*$", "  trimmed  "],
  ["([^=;]+)=([^;]*)", "a=1; b=2"],
  ["%d+%.%d+%.%d+%.%d+", "at 10.0.0.1:80"],
  ["%b()", "f(a(b)c)d"],
  ["%f[%a]%a+", "THE (quick) fox"],
  ["[%a_][%w_]*", "1 local_1"],
  ["[[]", "a[b"],
  ["[a-%]]", "-"],
  ["%z", "a\0b"],
  ["(()a)", "ba"],
])("the pattern %s works as in Lua", (made, text) => {
  expect(ours.ask(text, made, 1, 9)).toBe(theirs.ask(text, made, 1, 9));
});

test.each([
  "[a",
  "%",
  "(a",
  "a)",
  "%b",
  "%bx",
  "%f",
  "%1",
  "(a)%2",
  "(%1)",
  "[]",
  "[^]",
  "%f[a",
  "(".repeat(33),
])("the malformed pattern %s is refused by name", (made) => {
  const state = new LuaState(lua, "malformed");
  definePatternFunctions(state);
  state.setGlobals({ P: made });
  expect(() => state.run(`host_match("a", P)`)).toThrow(/malformed pattern ".*/);
  state.close();
});

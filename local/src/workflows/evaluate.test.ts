import { assert, constantFrom, integer, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { Environment } from "./evaluate.ts";
import { evaluate } from "./evaluate.ts";
import { parseExpression } from "./expression-parser.ts";
import { callByPosition } from "./library/standard-library.ts";
import { parseTemplate, render } from "./template.ts";
import type { Value } from "./value.ts";
import { WorkflowError } from "./workflow-error.ts";

const variables: Readonly<Record<string, Value>> = {
  a: 7,
  s: "text",
  list: [1, "two", [3]],
  map: { "key-one": 1, nested: { deep: true }, in: 5 },
  e: { code: 503, tags: ["HttpError"] },
};
const library = { now: () => 1_767_225_600_250, newId: () => "id-1", env: { NAME: "value" } };
const env: Environment = {
  read(name) {
    const value = variables[name];
    if (value === undefined) throw new WorkflowError({ tags: ["KeyError"], message: name });
    return value;
  },
  callFunction: (name, args) => callByPosition(name, args, library),
};
const valueOf = (source: string): Value => evaluate(parseExpression(source), env);

describe("expressions", () => {
  test.each<[string, Value]>([
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["2 - 3 - 4", -5],
    ["7 // 2", 3],
    ["-7 // 2", -4],
    ["-7 % 3", 2],
    ["7 / 2", 3.5],
    ["1.5e2 + 1", 151],
    ["- a + 1", -6],
    ["+a", 7],
    ["not true", false],
    ["not false and false", false],
    ["NOT True OR TRUE", true],
    ["true or 1 / 0 == 1", true],
    ["false AND 1 / 0 == 1", false],
    ["1 == 1.0", true],
    ['1 == "1"', false],
    ["null == None", true],
    ["a != 7", false],
    ["[1, [2]] == [1, [2]]", true],
    ['{"x": 1, "y": 2} == {"y": 2, "x": 1}', true],
    ['"b" > "a"', true],
    ["2 in [1, 2]", true],
    ["2 not in [1, 2]", false],
    ["not (2 in [1, 2])", false],
    ["not 2 in [1, 2]", false],
    ['"nested" in map', true],
    ['"code" in e and e.code In [500, 503]', true],
    ["list[-1][0]", 3],
    ['map["key-one"]', 1],
    ["map.nested.deep", true],
    ["map.in", 5],
    ["list[a - 6]", "two"],
    ["'single' + \"double\"", "singledouble"],
    [String.raw`"tab\tquote\"A"`, 'tab\tquote"A'],
    ["[1] + [2]", [1, 2]],
    ["len([1, 2]) + len(s) + len(map)", 9],
    ['{"k": [a]}', { k: [7] }],
    ["[]", []],
    ["{}", {}],
    ['if(a > 5, "big", "small")', "big"],
    ["default(null, 3)", 3],
    ["default(0, 3)", 0],
  ])("%s", (source, expected) => {
    expect(valueOf(source)).toEqual(expected);
  });

  test.each([
    ["missing", "KeyError"],
    ["map.missing", "KeyError"],
    ["list[3]", "IndexError"],
    ["list[-4]", "IndexError"],
    ["list[1.5]", "TypeError"],
    ['list["0"]', "TypeError"],
    ["a.b", "TypeError"],
    ['1 + "1"', "TypeError"],
    ["not 1", "TypeError"],
    ["1 and true", "TypeError"],
    ["true and 1", "TypeError"],
    ['1 < "2"', "TypeError"],
    ["null < 1", "TypeError"],
    ["1 in 5", "TypeError"],
    ["1 / 0", "ZeroDivisionError"],
    ["1 // 0", "ZeroDivisionError"],
    ["1 % 0", "ZeroDivisionError"],
    ["9007199254740991 + 1", "ValueError"],
    ["if(1, 2, 3)", "TypeError"],
    ["len(1)", "TypeError"],
    ["len()", "TypeError"],
    ['int("3.7")', "ValueError"],
    ["string(null)", "TypeError"],
  ])("%s raises %s", (source, tag) => {
    expect(() => valueOf(source)).toThrow(
      expect.objectContaining({ value: expect.objectContaining({ tags: [tag] }) }),
    );
  });

  test.each([
    "1 +",
    "(1",
    "[1, ",
    '"open',
    "1 2",
    "a..b",
    "{1}",
    "1()",
    "a = 1",
    "a ! b",
    "in [1]",
    "",
    String.raw`"\u12"`,
  ])("%j does not parse", (source) => {
    expect(() => parseExpression(source)).toThrow(/expected|unexpected|closed|wants/);
  });

  test("floor division and remainder belong together", () => {
    const number = integer({ min: -1000, max: 1000 });
    assert(
      property(number, number, (x, y) => {
        if (y === 0) return true;
        return valueOf(`(${x} // ${y}) * ${y} + (${x}) % ${y}`) === x;
      }),
    );
  });

  test("arithmetic agrees with JavaScript on any nesting of operators of one level", () => {
    assert(
      property(integer({ min: 0, max: 99 }), constantFrom("+", "-", "*"), (n, operator) => {
        const source = `${n} ${operator} 3 ${operator} 2`;
        // oxlint-disable-next-line no-implied-eval, typescript/no-implied-eval -- JavaScript itself is the peer
        return valueOf(source) === new Function(`return ${source}`)();
      }),
    );
  });
});

describe("library functions", () => {
  test.each<[string, Value]>([
    ['base64.encode("hi")', "aGk="],
    ['base64.encode("hi", false)', "aGk"],
    ['text.decode(base64.decode("aGk="))', "hi"],
    [
      'base64.encode(hash.compute_checksum("abc", "sha256"))',
      "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    ],
    ['len(base64.encode(hash.compute_hmac("k", "d", "SHA1")))', 28],
    ['json.encode_to_string({"a": [1, null]})', '{"a":[1,null]}'],
    [`json.decode('{"a": 1}').a`, 1],
    ["text.decode(json.encode([1]))", "[1]"],
    ["list.concat([1], 2)", [1, 2]],
    ["list.prepend([1], 2)", [2, 1]],
    ['map.get(map, ["nested", "deep"])', true],
    ['map.get(map, "none")', null],
    ['map.get(map, ["nested", "none"], 4)', 4],
    ['map.get(null, "x")', null],
    ['map.delete({"a": 1, "b": 2}, "a")', { b: 2 }],
    ['map.merge({"a": 1}, {"a": 2})', { a: 2 }],
    ['map.merge_nested({"a": {"x": 1}}, {"a": {"y": 2}})', { a: { x: 1, y: 2 } }],
    ["math.abs(-2)", 2],
    ["math.floor(-1.5)", -2],
    ["math.max(1, 2) + math.min(1, 2)", 3],
    ['sys.get_env("NAME")', "value"],
    ['sys.get_env("NONE", "other")', "other"],
    ["sys.now()", 1_767_225_600.25],
    ['text.find_all("a.b.c", ".")', [{ index: 1 }, { index: 3 }]],
    [
      'text.find_all_regex("a1b22", "[0-9]+")',
      [
        { index: 1, match: "1" },
        { index: 3, match: "22" },
      ],
    ],
    ['text.match_regex("Abc", "(?i)^abc$")', true],
    ['text.replace_all("a.b", ".", "$&")', "a$&b"],
    [String.raw`text.replace_all_regex("ab", "(a)(b)", "\\2\\1")`, "ba"],
    ['text.split("a,b", ",")', ["a", "b"]],
    ['text.substring("héllo", 1, 3)', "él"],
    ['text.to_upper(text.to_lower("AB"))', "AB"],
    ['text.url_encode("a b&c")', "a%20b%26c"],
    ['text.url_encode_plus("a b")', "a+b"],
    ['text.url_decode("a%20b+c")', "a b c"],
    ["time.format(0)", "1970-01-01T00:00:00.000Z"],
    ['time.format(0, "Asia/Kolkata")', "1970-01-01T05:30:00.000+05:30"],
    ['time.parse("1970-01-01T00:00:01.5Z")', 1.5],
    ["uuid.generate()", "id-1"],
    ['int("42") + int(3.9)', 45],
    ['double("1.5")', 1.5],
    ["string(12) + string(true)", "12true"],
    ["keys(e)", ["code", "tags"]],
    ["get_type(1.5)", "double"],
    ['get_type(base64.decode("aGk="))', "bytes"],
    ["http.default_retry_predicate(e)", true],
    ["http.default_retry_predicate_non_idempotent(e)", true],
    ['http.default_retry_predicate({"code": 500})', false],
    ['http.default_retry_predicate({"code": 502})', true],
    ['http.default_retry_predicate_non_idempotent({"code": 502})', false],
    ['http.default_retry_predicate({"tags": ["TimeoutError"]})', true],
    ['http.default_retry_predicate_non_idempotent({"tags": ["TimeoutError"]})', false],
    ['http.default_retry_predicate_non_idempotent({"tags": ["ConnectionFailedError"]})', true],
  ])("%s", (source, expected) => {
    expect(valueOf(source)).toEqual(expected);
  });

  test.each([
    ['base64.decode("a")', "ValueError"],
    ['json.decode("{")', "ValueError"],
    ['hash.compute_checksum("a", "CRC")', "ValueError"],
    ['sys.get_env("NONE")', "KeyError"],
    ['text.match_regex("a", "(")', "ValueError"],
    ['text.url_decode("%zz")', "ValueError"],
    ['time.parse("yesterday")', "ValueError"],
    ['time.format(0, "Mars/Base")', "ValueError"],
    ['keys("a")', "TypeError"],
  ])("%s raises %s", (source, tag) => {
    expect(() => valueOf(source)).toThrow(
      expect.objectContaining({ value: expect.objectContaining({ tags: [tag] }) }),
    );
  });
});

describe("templates", () => {
  test.each<[Value, Value]>([
    ["plain", "plain"],
    ["${a}", 7],
    ["a is ${a}, s is ${s}", "a is 7, s is text"],
    ['${"}" + s}', "}text"],
    ['${ {"x": a}.x }', 7],
    [
      ["${a}", { k: "${list}" }],
      [7, { k: [1, "two", [3]] }],
    ],
    [12, 12],
  ])("%j", (source, expected) => {
    expect(render(parseTemplate(source), env)).toEqual(expected);
  });

  test("an expression may have 400 characters and no more", () => {
    const fits = `\${"${"x".repeat(398)}"}`;
    expect(render(parseTemplate(fits), env)).toHaveLength(398);
    expect(() => parseTemplate(`\${"${"x".repeat(399)}"}`)).toThrow(/401 characters; 400/);
  });

  test("text without an expression comes back unchanged", () => {
    assert(
      property(
        string(),
        (text) => text.includes("${") || render(parseTemplate(text), env) === text,
      ),
    );
  });

  test("an expression that is not closed is refused", () => {
    expect(() => parseTemplate("${a")).toThrow(/not closed/);
  });
});

/** Whatever is malformed or outside the supported subset is refused when it is loaded, with its place. */
import { describe, expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { rulesFor } from "./expression-fixture.ts";
import { RulesSyntaxError } from "./rules-syntax-error.ts";

function refusal(source: string): RulesSyntaxError {
  try {
    compileRules(source);
  } catch (error) {
    if (error instanceof RulesSyntaxError) return error;
    throw error;
  }
  throw new Error("the source was accepted");
}

const EXPRESSIONS: readonly (readonly [expression: string, named: string])[] = [
  ["foo()", "unknown function 'foo'"],
  ["bool('true')", "unknown function 'bool'"],
  ["debug(1) == 1", "unknown function 'debug'"],
  ["math.max(1, 2) == 2", "unknown function 'math.max'"],
  ["latlng.distance(1, 2) == 2", "unknown function 'latlng.distance'"],
  ["firestore.get(/a/b) == 1", "unknown variable 'firestore'"],
  ["hashing.crc32c('a') == 'a'", "unknown function 'hashing.crc32c'"],
  ["hashing.crc32('a') == 'a'", "unknown function 'hashing.crc32'"],
  ["timestamp.now() == 1", "unknown function 'timestamp.now'"],
  ["constructor()", "unknown function 'constructor'"],
  ["toString()", "unknown function 'toString'"],
  ["'a'.startsWith('a')", "unknown method 'startsWith'"],
  ["'a'.constructor()", "unknown method 'constructor'"],
  ["'a'.hasOwnProperty('a')", "unknown method 'hasOwnProperty'"],
  ["request.path.bind({})", "unknown method 'bind'"],
  ["{}.get('a') == 1", "'get' takes 2 argument(s), found 1"],
  ["[].hasAny()", "'hasAny' takes 1 argument(s), found 0"],
  ["'a'.size(1) == 1", "'size' takes 0 argument(s), found 1"],
  ["get() == 1", "'get' takes 1 argument(s), found 0"],
  ["exists(/a/b, /c/d)", "'exists' takes 1 argument(s), found 2"],
  ["int() == 1", "'int' takes 1 argument(s), found 0"],
  ["duration.time(1, 2, 3) == 1", "'duration.time' takes 4 argument(s), found 3"],
  ["duration.value(1) == 1", "'duration.value' takes 2 argument(s), found 1"],
  ["foo == 1", "unknown variable 'foo'"],
  ["auth.uid == 'a'", "unknown variable 'auth'"],
  ["math == 1", "expected '.'"],
  ["duration.seconds == 1", "expected '('"],
  ["1 is null", "unknown type 'null'"],
  ["1 is set", "unknown type 'set'"],
  ["1 is integer", "unknown type 'integer'"],
  ["request.app == 1", "'request.app' is not supported"],
  ["request.query.orderBy == 1", "'request.query.orderBy' is not supported"],
  ["request.auth.email == 'a'", "'request.auth.email' is not supported"],
  ["resource.name == 'a'", "'resource.name' is not supported"],
  ["request.resource.metadata == 1", "'request.resource.metadata' is not supported"],
  ["1 in [1] == true", "comparisons do not chain"],
  ["1 < 2 < 3", "comparisons do not chain"],
  ["1 == 1 == true", "comparisons do not chain"],
  ["1 is int == true", "comparisons do not chain"],
  ["--1 == 1", "'-' cannot be repeated"],
  ["!!true", "'!' cannot be repeated"],
  ["4/2 == 2", "'/' without spaces around it"],
  ["4 /2 == 2", "'/' without spaces around it"],
  ["1e3 == 1000", "exponent literals are not supported"],
  ["1.5e3 == 1500", "exponent literals are not supported"],
  ["9223372036854775808 > 0", "an integer must fit in 64 bits"],
  ["'a\\qb' == 'a'", "'\\q' is no escape sequence"],
  ["r'a' == 'a'", "strings with the prefix 'r' are not supported"],
  ["b'\\xF' == b'a'", "'\\x' is no escape sequence"],
  ["b'\\400' == b'a'", "'\\4' is no escape sequence"],
  ["{a: 1} == {}", "a map key must be a string literal"],
  ["{'a': 1, 'a': 2} == {}", "a map literal repeats a key"],
  ["[1,] == [1]", "expected an expression"],
  ["(true", "expected ')'"],
  ["true &&", "expected an expression"],
  ["true & true", 'unexpected "&"'],
  ["a = 1", "expected ';'"],
  ["'open", "a string that does not end on its line"],
  ['"open', "a string that does not end on its line"],
  ["/ a == 1", "expected a path segment right after '/'"],
  ["/a/ b == 1", "expected a path segment right after '/'"],
  ["x => 1", "expected ';'"],
  ["'a'.matches('(')", "pattern: the pattern ends too early"],
  ["'a'.matches('a)')", "pattern: unmatched ')'"],
  ["'a'.matches('a**')", "pattern: a repetition repeats"],
  ["'a'.matches('(?=a)')", "pattern: only (?:...) groups are supported"],
  ["'a'.matches('(?P<n>a)')", "pattern: only (?:...) groups are supported"],
  ["'a'.matches('(a)\\\\1')", "pattern: '\\1' is not supported"],
  ["'a'.matches('\\\\bword')", "pattern: '\\b' is not supported"],
  ["'a'.matches('\\\\pL')", "pattern: '\\p' is not supported"],
  ["'a'.matches('[[:alpha:]]')", "pattern: '[' inside a class"],
  ["'a'.matches('a{2,1}')", "pattern: a count must rise"],
  ["'a'.matches('a{1001}')", "pattern: a count must rise and stay within 1000"],
  ["'a'.matches('((a{100}){100}){100}')", "pattern: the pattern is too large"],
  ["'a'.matches('[z-a]')", "pattern: a range in a class runs backwards"],
  ["'a'.split('*')", "pattern: '*' stands alone"],
  ["'a'.matches(1)", "a pattern must be a string"],
];

test.each(EXPRESSIONS)("%s is refused: %s", (expression, named) => {
  const error = refusal(rulesFor(expression));
  expect(error.message).toContain(named);
  expect(error.line).toBe(4);
});

const frame = (body: string) =>
  `rules_version = '2';\nservice cloud.firestore {\n  match /a/{x} {\n${body}\n  }\n}`;

const lets = (count: number) =>
  Array.from({ length: count }, (_, index) => `let v${index} = ${index};`).join(" ");
const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `p${index}`).join(", ");

const FILES: readonly (readonly [what: string, source: string, named: string, at: string])[] = [
  ["no version", "service cloud.firestore {}", "must begin with rules_version", "1:1"],
  ["version 1", "rules_version = '1';", "only rules_version = '2'", "1:17"],
  ["a number as version", "rules_version = 2;", "only rules_version = '2'", "1:17"],
  [
    "another service",
    "rules_version = '2';\nservice firebase.storage {}",
    "'firebase.storage'",
    "2:1",
  ],
  ["nothing after the version", "rules_version = '2';", "expected 'service'", "1:21"],
  [
    "text after the service",
    "rules_version = '2'; service cloud.firestore {} x",
    "expected the end",
    "1:49",
  ],
  ["an open block", "rules_version = '2'; service cloud.firestore {", "expected 'match'", "1:47"],
  ["an unknown method", frame("allow peek: if true;"), "unknown method 'peek'", "4:7"],
  ["a missing if", frame("allow read: true;"), "expected 'if'", "4:13"],
  ["a missing semicolon", frame("allow read"), "expected ';'", "5:3"],
  ["a match without path", frame("match { }"), "expected a path", "4:7"],
  ["a wildcard of unknown form", frame("match /{y=*} { }"), "expected '**'", "4:11"],
  ["two recursive wildcards", frame("match /{y=**}/{z=**} { }"), "two recursive wildcards", "4:16"],
  ["a repeated wildcard", frame("match /{x} { }"), "'x' is already defined", "4:9"],
  ["a reserved wildcard", frame("match /{request} { }"), "'request' is a reserved name", "4:9"],
  [
    "a repeated function",
    frame("function f() { return 1; }\nfunction f() { return 2; }"),
    "'f' is already",
    "5:10",
  ],
  [
    "a built-in's name",
    frame("function get(a) { return a; }"),
    "'get' is a built-in function",
    "4:10",
  ],
  [
    "a function that calls itself",
    frame("function f() { return f(); }"),
    "'f' calls itself",
    "4:10",
  ],
  [
    "two functions that call each other",
    frame("function f() { return g(); }\nfunction g() { return f(); }"),
    "calls itself",
    "4:10",
  ],
  [
    "a wrong arity",
    frame("function f(a) { return a; }\nallow read: if f();"),
    "'f' takes 1",
    "5:16",
  ],
  ["a repeated parameter", frame("function f(a, a) { return a; }"), "'a' is already", "4:10"],
  [
    "a repeated let",
    frame("function f() { let a = 1; let a = 2; return a; }"),
    "'a' is already",
    "4:31",
  ],
  [
    "a let that uses itself",
    frame("function f() { let a = a; return a; }"),
    "unknown variable 'a'",
    "4:24",
  ],
  ["a body without return", frame("function f() { let a = 1; }"), "expected 'return'", "4:27"],
  [
    "eleven lets",
    frame(`function f() { ${lets(11)} return 1; }`),
    "more than 10 let bindings",
    "4:10",
  ],
  [
    "eight parameters",
    frame(`function f(${names(8)}) { return 1; }`),
    "more than 7 parameters",
    "4:10",
  ],
  [
    "a function out of scope",
    frame("match /b/{y} { function f() { return 1; } }\nallow read: if f();"),
    "unknown function 'f'",
    "5:16",
  ],
  [
    "a wildcard out of scope",
    frame("function f() { return y; }\nmatch /b/{y} { allow read: if f(); }"),
    "unknown variable 'y'",
    "4:23",
  ],
  [
    "a local of another function",
    frame("function f() { let a = 1; return g(); }\nfunction g() { return a; }"),
    "unknown variable 'a'",
    "5:23",
  ],
  ["an import", "rules_version = '2'; import 'x';", "expected 'service'", "1:22"],
];

test.each(FILES)("%s is refused in its place", (_what, source, named, at) => {
  const error = refusal(source);
  expect(error.message).toContain(named);
  expect(`${error.line}:${error.column}`).toBe(at);
});

const deep = (depth: number) => rulesFor(`${"(".repeat(depth)}true${")".repeat(depth)}`);

describe("the edges of the limits", () => {
  test("a deep nesting is refused before it exhausts the stack", () => {
    expect(() => compileRules(deep(50))).not.toThrow();
    expect(refusal(deep(100_000)).message).toContain("nesting deeper than 60 levels");
  });
});

test("the message says where, what was found and what is allowed", () => {
  expect(refusal(frame("    allow read: if nope;")).message).toBe(
    "line 4, column 20: unknown variable 'nope'",
  );
  expect(refusal(frame("    allow read, peek;")).message).toBe(
    "line 4, column 17: unknown method 'peek': use get, list, create, update, delete, read, write",
  );
});

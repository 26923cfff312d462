import { array, assert, constantFrom, property, string, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { isBelow, literalPath, matchPath, normalPrefix, restBelow } from "./match-path.ts";

describe("the normal form of a path", () => {
  test.each([
    ["/", "/"],
    ["/api/v1", "/api/v1"],
    ["/api/", "/api/"],
    ["/.well-known/x", "/.well-known/x"],
    ["/%61%70%69", "/api"],
    ["/%41%7e", "/A~"],
    ["/caf%c3%A9", "/caf\xc3\xa9"],
    ["//api", "/api"],
    ["/api//x", "/api/x"],
    ["/./api/.", "/api"],
    ["/%2e/api", "/api"],
    ["/api%2Fx", "/api/x"],
    ["/api\\x", "/api/x"],
    ["/api%5cx", "/api/x"],
    ["/api;v=1/x;y", "/api/x"],
    ["/api%3bv/x", "/api/x"],
    ["/.;x/api", "/api"],
    ["/100%25", "/100%25"],
    ["/%2561pi", "/%2561pi"],
  ])("%s → %s", (path, normal) => {
    expect(matchPath(path)).toBe(normal);
  });

  test.each([
    "/..",
    "/a/../b",
    "/a/..",
    "/%2e%2E/a",
    "/a/.%2e/b",
    "/a%2f..%2fb",
    "/a\\..\\b",
    "/a/..;x/b",
    "/a/..%3bx/b",
    "/%",
    "/a%2",
    "/a%zz",
    "/a%00",
    "/a%c0%ae%c0%ae/b",
    "/a%c0%afb",
    "/a%c1%9cb",
    "/a#b",
    "/a#/../b",
  ])("there is none of %s", (path) => {
    expect(matchPath(path)).toBeNull();
  });
});

/** A segment and another spelling of it, which every reader of escapes takes for the same. */
const spelling = array(
  constantFrom(
    ["a", "a"],
    ["a", "%61"],
    ["P", "%50"],
    ["~", "%7E"],
    ["~", "%7e"],
    ["-", "%2d"],
    ["%25", "%25"],
  ),
  { minLength: 1, maxLength: 5 },
).map((pairs) => ({
  plain: pairs.map(([plain]) => plain).join(""),
  other: pairs.map(([, other]) => other).join(""),
}));
const separator = constantFrom("/", "//", "/./", "/%2e/", "\\", "%2F", "%5c", "/;x/", "%2f./");
const params = constantFrom("", "", ";", ";a=b", "%3Bv");

const spelled = array(tuple(separator, spelling, params), { minLength: 1, maxLength: 5 }).map(
  (parts) => ({
    plain: parts.map(([, { plain }]) => `/${plain}`).join(""),
    other: `/${parts.map(([between, { other }, tail]) => between + other + tail).join("")}`,
  }),
);

const noise = array(
  constantFrom(
    "/",
    "\\",
    ";",
    "%",
    ".",
    "#",
    "a",
    "A0",
    "%2e",
    "%2F",
    "%5c",
    "%3b",
    "%25",
    "%00",
    "..",
    "//",
    "api",
  ),
  { maxLength: 12 },
).map((parts) => `/${parts.join("")}`);

function asciiDecoded(path: string): string {
  return path.replaceAll(/%([2-7][0-9a-f])/gi, (escape) => decodeURIComponent(escape));
}

describe("whatever is asked for", () => {
  test("the normal form of a normal form is itself", () => {
    assert(
      property(noise, (path) => {
        const normal = matchPath(path);
        expect(normal === null ? null : matchPath(normal)).toBe(normal);
      }),
    );
  });

  test("spellings that mean the same have one normal form", () => {
    assert(
      property(spelled, ({ plain, other }) => {
        expect(matchPath(other)).toBe(matchPath(plain));
      }),
    );
  });

  test("a path that an app may take for one below a prefix is below it, or has no normal form", () => {
    const prefixes = ["/api", "/api/a", "/a", "/A0"];
    assert(
      property(noise, constantFrom(...prefixes), (path, prefix) => {
        const normal = matchPath(path);
        if (normal === null) return;
        // As the URL standard reads it, with or without decoding what it leaves encoded.
        const read = new URL(`http://h${path.replace(/^[/\\]+/, "/")}`).pathname;
        for (const reading of [read, asciiDecoded(read)]) {
          expect(isBelow(normal, prefix) || !isBelow(reading, prefix)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("what lies below a prefix is what a spelling of it leaves", () => {
    assert(
      property(spelled, string({ unit: "binary-ascii" }), ({ other }, text) => {
        const prefix = normalPrefix(other);
        const query = `?${encodeURIComponent(text)}`;
        expect(restBelow(`${other}/x%2fy/..;/${query}`, prefix)).toBe(`/x%2fy/..;/${query}`);
        expect(restBelow(other + query, prefix)).toBe(query);
      }),
    );
  });

  test("what lies below a prefix never names a host", () => {
    assert(
      property(noise, constantFrom("/", "/api", "/a"), (path, prefix) => {
        const normal = matchPath(path);
        const rest = normal !== null && isBelow(normal, prefix) ? restBelow(path, prefix) : "";
        expect(rest).toMatch(/^(?:$|\?|\/(?![/\\]))/);
      }),
    );
  });
});

test.each([
  ["/api", "/api", ""],
  ["/api?q=/x", "/api", "?q=/x"],
  ["/api/x/y?q", "/api", "/x/y?q"],
  ["/api//evil.test", "/api", "/evil.test"],
  ["/api/\\evil.test", "/api", "/evil.test"],
  ["/%61pi;v=1/x", "/api", "/x"],
  ["//api/./x", "/api", "/./x"],
  ["/a%2fb/c", "/a/b", "/c"],
  ["/x?y", "/", "/x?y"],
  ["//evil.test", "/", "/evil.test"],
  ["*", "/", ""],
])("%s below %s is %s", (target, prefix, rest) => {
  expect(restBelow(target, prefix)).toBe(rest);
});

test.each([
  ["/%61pi/x", "/api/x"],
  ["/a%2fb", "/a%2fb"],
  ["//a/./b;c", "//a/./b;c"],
])("an app that only decodes names reads %s as %s", (path, read) => {
  expect(literalPath(path)).toBe(read);
});

test.each([
  ["/api", "/api", true],
  ["/api/x", "/api", true],
  ["/apix", "/api", false],
  ["/", "/api", false],
  ["/anything", "/", true],
])("%s is below %s: %s", (path, prefix, expected) => {
  expect(isBelow(path, prefix)).toBe(expected);
});

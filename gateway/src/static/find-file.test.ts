import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { findFile, type LoadedSite } from "./find-file.ts";

const PATHS = [
  "index.html",
  "docs/index.html",
  "a b.txt",
  "ä.txt",
  ".well-known/x",
  "app.js",
  "1:2/index.html",
  "__proto__",
];

function siteOf(paths: readonly string[], spa = false): LoadedSite {
  const files = paths.map((path) => ({ path, sha256: path, size: 1, encodings: {} }));
  return { spa, files: new Map(files.map((file) => [file.path, file])) };
}

/** The path that was found, the status or the location, in one word. */
function found(site: LoadedSite, target: string): string {
  const answer = findFile(site, target);
  if (answer.kind === "file") return `${answer.status} ${answer.file.path}`;
  return answer.kind === "redirect" ? `to ${answer.location}` : answer.kind;
}

describe("a path", () => {
  test.each([
    ["/", "200 index.html"],
    ["/?x=1", "200 index.html"],
    ["/index.html", "200 index.html"],
    ["/docs/", "200 docs/index.html"],
    ["/docs", "to ./docs/"],
    ["/docs?x=1&y=/", "to ./docs/?x=1&y=/"],
    ["/do%63s", "to ./do%63s/"],
    ["/docs/index.html", "200 docs/index.html"],
    ["/docs%2Findex.html", "200 docs/index.html"],
    ["/a%20b.txt", "200 a b.txt"],
    ["/%C3%A4.txt", "200 ä.txt"],
    ["/\u00c3\u00a4.txt", "200 ä.txt"],
    ["/.well-known/x", "200 .well-known/x"],
    ["/__proto__", "200 __proto__"],
    ["/1:2", "to ./1:2/"],
    ["/app.js/", "nothing"],
    ["/App.js", "nothing"],
    ["/none", "nothing"],
    ["//docs", "nothing"],
    ["//evil.example/..%2f", "malformed"],
    ["/constructor", "nothing"],
    ["/../index.html", "malformed"],
    ["/docs/../index.html", "malformed"],
    ["/%2e%2e/index.html", "malformed"],
    ["/..%2findex.html", "malformed"],
    ["/..%5cindex.html", "malformed"],
    ["/%00", "malformed"],
    ["/%zz", "malformed"],
    ["/%", "malformed"],
    ["/%ff", "malformed"],
    ["/..a", "nothing"],
  ])("%s is %s", (target, expected) => {
    expect(found(siteOf(PATHS), target)).toBe(expected);
  });

  test("that names nothing is the site's own 404 page, or none", () => {
    const site = siteOf([...PATHS, "404.html"]);
    expect(found(site, "/none")).toBe("404 404.html");
    expect(found(site, "/404.html")).toBe("200 404.html");
  });

  test.each([
    ["/a/route", "200 index.html"],
    ["/a/route/", "200 index.html"],
    ["/old.html", "200 index.html"],
    ["/gone.js", "404 404.html"],
    ["/v1.2", "404 404.html"],
    ["/app.js", "200 app.js"],
    ["/docs", "to ./docs/"],
  ])("of a single-page app, %s is %s", (target, expected) => {
    expect(found(siteOf([...PATHS, "404.html"], true), target)).toBe(expected);
  });

  test("of any characters is answered, and never from another place", () => {
    const site = siteOf(PATHS);
    assert(
      property(string({ unit: "grapheme", maxLength: 30 }), (text) => {
        const target = `/${encodeURI(text).replaceAll("?", "")}`;
        const answer = findFile(site, target);
        const location = answer.kind === "redirect" ? answer.location : "./";
        expect(new URL(location, "http://here.test/x/").host).toBe("here.test");
      }),
    );
  });
});

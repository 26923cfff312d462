import { array, assert, constantFrom, oneof, property, string, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import type { Diagnostic } from "./diagnostic.ts";
import { renderDiagnostics } from "./diagnostic.ts";
import { parseAppConfig } from "./parse.ts";

const NODE = '[app]\nname = "shop"\nruntime = "node"\n';
/** Far above what is measured (0.5 s at worst), far below what would be a hang. */
const SLOWEST_MS = 5000;

function timed(source: string | Uint8Array): readonly Diagnostic[] {
  const start = performance.now();
  const result = parseAppConfig(source);
  expect(performance.now() - start).toBeLessThan(SLOWEST_MS);
  return result.ok ? [] : result.diagnostics;
}

function expectInside(source: string, diagnostics: readonly Diagnostic[]): void {
  const lines = source.replace(/^\uFEFF/, "").split("\n");
  for (const { line, column, length } of diagnostics) {
    const text = lines[line - 1];
    expect(text).toBeDefined();
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((text ?? "").length + 1);
    expect(length).toBeGreaterThanOrEqual(1);
    expect(column - 1 + length).toBeLessThanOrEqual(Math.max((text ?? "").length, column));
  }
}

/** Pieces of TOML in any order: far more often almost valid than random text is. */
const almostToml = array(
  oneof(
    constantFrom(
      ..."[app]|[[app]]|[env]|[scaling]|[health]|[resources]|[static]|[run]|[app.x]|app".split("|"),
      ..."name|runtime|port|min_replicas|interval|cpu|memory|spa|dir|__proto__|constructor".split(
        "|",
      ),
      ...'= |"x"|"node"|"rust"|"static"|3|0.5|true|1979-05-27|nan|{|}|[|]|,|.|"""|\'\'\''.split(
        "|",
      ),
      ..."\n|\n|\n|\r\n|\r|\t| |#|\\|\"|'|\u2028|é|😀|\uFEFF".split("|"),
    ),
    string({ maxLength: 3 }),
  ),
  { maxLength: 40 },
).map((parts) => parts.join(""));

describe("any input", () => {
  it("of bytes is answered without an exception and soon", () => {
    assert(
      property(uint8Array({ maxLength: 400 }), (bytes) => void timed(bytes)),
      { numRuns: 500 },
    );
  });

  it("has its diagnostics inside the source, and they can be rendered", () => {
    assert(
      property(oneof(almostToml, string()), (source) => {
        const diagnostics = timed(source);
        expectInside(source, diagnostics);
        const text = renderDiagnostics(source, diagnostics, { fileName: "deploy.toml" });
        expect(text.split("-->").length - 1).toBeGreaterThanOrEqual(diagnostics.length);
      }),
      { numRuns: 1500 },
    );
  });

  it("after a valid head has its diagnostics inside the source as well", () => {
    assert(
      property(almostToml, (tail) => expectInside(NODE + tail, timed(NODE + tail))),
      { numRuns: 1500 },
    );
  });
});

function fill(text: string): string {
  return text.repeat(Math.ceil(65_000 / text.length)).slice(0, 65_000);
}

describe("hostile input of the largest size", () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      "2,000 unknown keys",
      NODE + Array.from({ length: 2000 }, (_, i) => `key_${i} = 1`).join("\n"),
    ],
    [
      "2,000 variables",
      `${NODE}[env]\n${Array.from({ length: 2000 }, (_, i) => `V${i} = 1`).join("\n")}`,
    ],
    ["6,000 tables", Array.from({ length: 6000 }, (_, i) => `[t${i}]`).join("\n")],
    ["open brackets", `a = ${fill("[")}`],
    ["open braces", `a = ${fill("{a = ")}`],
    ["quotes", fill('"')],
    ["an endless string", `a = """${fill('""a')}`],
    ["dots", `a${fill(".a")} = 1`],
    ["a deep table", `[a${fill(".a")}]`],
    ["digits", `a = ${fill("1")}`],
    ["a long array", `a = [${fill("1,")}]`],
    ["line ends", fill("\n")],
    ["backslashes", `a = "${fill("\\")}`],
    ["bad lines", fill("a b\n")],
    ["bad lines in a small file", fill("a b\n").slice(0, 8000)],
    ["one long key", `${NODE}${fill("k")} = 1`],
  ];

  it.each(cases)("is refused in bounded time with a bounded list: %s", (_, source) => {
    const diagnostics = timed(source);
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(diagnostics.length).toBeLessThanOrEqual(101);
    expectInside(source, diagnostics);
    expect(Math.max(...diagnostics.map(({ message }) => message.length))).toBeLessThan(1000);
  });

  it("says how many errors it left out", () => {
    const diagnostics = timed(cases[0]?.[1] ?? "");
    expect(diagnostics.at(-1)).toMatchObject({
      code: "too-many-errors",
      message: "1900 more errors are not listed; fix these first.",
    });
  });
});

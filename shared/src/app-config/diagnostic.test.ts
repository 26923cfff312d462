import { describe, expect, it } from "vitest";
import type { Diagnostic } from "./diagnostic.ts";
import { renderDiagnostics } from "./diagnostic.ts";

const ERROR: Diagnostic = {
  code: "wrong-type",
  path: "health.interval",
  line: 2,
  column: 12,
  length: 2,
  message: "health.interval is the number 30; it must be a time.",
  hint: 'write interval = "30s"',
};

describe("a rendered diagnostic", () => {
  it("shows place, line, caret and hint", () => {
    const text = renderDiagnostics("[health]\r\ninterval = 30\r\n", [ERROR], {
      fileName: "deploy.toml",
    });
    expect(text).toBe(`error[wrong-type]: health.interval is the number 30; it must be a time.
 --> deploy.toml:2:12
  |
2 | interval = 30
  |            ^^
  = hint: write interval = "30s"
`);
  });

  it("keeps tabs, so that the caret stands under its character", () => {
    const text = renderDiagnostics("\t\tx = 3", [{ ...ERROR, line: 1, column: 3, length: 1 }], {
      fileName: "f",
    });
    expect(text).toContain("1 | \t\tx = 3\n  | \t\t^");
  });

  it("counts a character outside the basic plane as one under the caret", () => {
    const text = renderDiagnostics('a = "😀" 3', [{ ...ERROR, line: 1, column: 10, length: 1 }], {
      fileName: "f",
    });
    expect(text).toContain('1 | a = "😀" 3\n  |         ^');
  });

  it("cuts a long line around its caret", () => {
    const source = `${"x".repeat(5000)}!${"y".repeat(5000)}`;
    const text = renderDiagnostics(source, [{ ...ERROR, line: 1, column: 5001, length: 1 }], {
      fileName: "f",
    });
    const [, , , line = "", caret = ""] = text.split("\n");
    expect(line.length).toBeLessThan(200);
    expect(line[caret.indexOf("^")]).toBe("!");
  });

  it("lets no escape sequence of the file reach the terminal", () => {
    const source = "a = \u001b[31m\u202e";
    const text = renderDiagnostics(source, [{ ...ERROR, line: 1, message: source }], {
      fileName: "f",
    });
    expect(text).not.toMatch(/[\u001b\u202e]/); // oxlint-disable-line no-control-regex -- it looks for one
  });

  it("is coloured only when asked", () => {
    const text = renderDiagnostics("x", [ERROR], { fileName: "f", color: true });
    expect(text).toContain("\u001b[31;1merror[wrong-type]\u001b[0m");
  });

  it("of nothing is nothing", () => {
    expect(renderDiagnostics("x", [], { fileName: "f" })).toBe("");
  });
});

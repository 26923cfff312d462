/** Errors and tests in the words of a report. */
import type { PolicyError } from "../../lua/policy-error.ts";
import type { TestResult } from "../testing/run-policy-tests.ts";

export function describeError({ message, luaStack }: PolicyError): string {
  if (luaStack === "") return message;
  return `${message}\n${luaStack.replaceAll(/^/gm, "  ")}`;
}

export function describeTests(results: readonly TestResult[]): readonly string[] {
  const passed = results.filter(({ failure }) => failure === null).length;
  return [
    `${passed} of ${results.length} tests passed`,
    ...results.flatMap(({ name, failure }) => {
      if (failure === null) return [`ok ${name}`];
      const { script, line, message, stack } = failure;
      const where = line === null ? script : `${script}:${line}`;
      const frames = stack === "" ? "" : `\n${stack.replaceAll(/^/gm, "  ")}`;
      return [`failed ${name ?? "to load"}: ${where}: ${message}${frames}`];
    }),
  ];
}

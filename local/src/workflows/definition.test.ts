import { describe, expect, test } from "vitest";
import { describeProblem, readDefinition } from "./definition.ts";

const problemsOf = (source: string): string[] => {
  const result = readDefinition(source);
  return result.ok ? [] : result.problems.map(describeProblem);
};
const steps = (...lines: string[]): string =>
  ["main:", "  steps:", ...lines.map((line) => `    ${line}`)].join("\n");

describe("a definition is refused before it runs, naming line, step and path", () => {
  test.each([
    ["not YAML", "main: [", /^line 1: not valid YAML/],
    ["a duplicate key", "main: {steps: []}\nmain: {steps: []}", /line 2: not valid YAML/],
    ["no main", "other:\n  steps:\n    - a: {return: 1}", /there is no "main" workflow/],
    ["an unknown field", steps("- a: {assgin: []}"), /step "a".*\(main\.steps\.0\.a\.assgin\)/],
    ["an empty step", steps("- a: {}"), /line 3: step "a" a step needs one of/],
    ["two actions", steps("- a: {assign: [], return: 1}"), /"return" cannot stand beside "assign"/],
    ["args without call", steps("- a: {assign: [], args: {}}"), /"args" cannot stand beside/],
    ["two keys in one step", steps("- a: {return: 1}", "  b: {return: 2}"), /exactly one key/],
    [
      "the same name twice",
      steps("- a: {assign: []}", "- a: {return: 1}"),
      /line 4: step "a" two steps/,
    ],
    ["a jump to nowhere", steps("- a: {next: nowhere}"), /no step "nowhere"/],
    ["break outside a loop", steps("- a: {next: break}"), /no step "break"/],
    ["a bad expression", steps("- a: {return: '${1 +}'}"), /expected a value, found the end/],
    ["an unknown function", steps("- a: {return: '${nope(1)}'}"), /unknown function nope/],
    ["an unknown call", steps("- a: {call: nope}"), /unknown function nope.*a\.call/],
    [
      "a connector",
      steps("- a: {call: googleapis.run.v1.get}"),
      /connector googleapis\.run\.v1\.get/,
    ],
    ["an experimental call", steps("- a: {call: experimental.executions.run}"), /is experimental/],
    [
      "a blocking call in an expression",
      steps("- a: {return: '${http.get(1)}'}"),
      /use a call step/,
    ],
    ["a bad assignment target", steps("- a: {assign: [{'1 + 2': 3}]}"), /not a variable/],
    [
      "for without items",
      steps("- a: {for: {value: x, steps: [{b: {return: 1}}]}}"),
      /"in" or "range"/,
    ],
    [
      "an unknown retry policy",
      steps("- a:", "    try: {call: sys.log}", "    retry: '${http.retry}'"),
      /no retry policy/,
    ],
    [
      "a retry predicate that is no name",
      steps("- a:", "    try: {call: sys.log}", "    retry: {predicate: '${1 + 1}'}"),
      /expected a name/,
    ],
    [
      "another exception policy",
      steps("- a: {parallel: {exception_policy: stop, branches: [{b: {return: 1}}]}}"),
      /exception_policy/,
    ],
    [
      "return out of a parallel step",
      steps("- a: {parallel: {branches: [{b: {return: 1}}]}}"),
      /return cannot leave/,
    ],
    [
      "a jump out of a parallel step",
      steps("- a: {parallel: {branches: [{b: {next: a}}]}}"),
      /inside this parallel branch/,
    ],
    [
      "two parameters of main",
      "main:\n  params: [a, b]\n  steps:\n    - c: {return: 1}",
      /main takes one parameter/,
    ],
  ])("%s", (_what, source, expected) => {
    expect(problemsOf(source).join("\n")).toMatch(expected);
  });

  test("every problem is listed, not only the first", () => {
    expect(problemsOf(steps("- a: {next: x}", "- b: {next: y}", "- c: {call: z}"))).toHaveLength(3);
  });

  test.each([
    ["assignments", 50, (n: number) => steps(`- a: {assign: [${"{x: 1},".repeat(n)}]}`)],
    ["conditions", 50, (n: number) => steps(`- a: {switch: [${"{condition: true},".repeat(n)}]}`)],
    [
      "branches",
      10,
      (n: number) => steps(`- a: {parallel: {branches: [${"{b: {assign: []}},".repeat(n)}]}}`),
    ],
  ])("%s: %i are allowed, one more is not", (name, limit, source) => {
    expect(problemsOf(source(limit))).toEqual([]);
    expect(problemsOf(source(limit + 1))).toMatchObject([
      expect.stringContaining(`more than ${limit} ${name}`),
    ]);
  });

  test("parallel steps nest two deep", () => {
    const nest = (depth: number): string =>
      depth === 0 ? "{assign: []}" : `{parallel: {branches: [{b${depth}: ${nest(depth - 1)}}]}}`;
    expect(problemsOf(steps(`- a: ${nest(2)}`))).toEqual([]);
    expect(problemsOf(steps(`- a: ${nest(3)}`))).toMatchObject([expect.stringContaining("2 deep")]);
  });

  test("the source may have 128 KB", () => {
    const source = steps("- a: {return: 1}");
    expect(problemsOf(`${source}\n#${"x".repeat(128 * 1024)}`)).toMatchObject([
      expect.stringContaining("131072 are allowed"),
    ]);
  });
});

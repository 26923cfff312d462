import { describe, expect, test } from "vitest";
import { checkWorkflows, LIFECYCLE_TABLE, readWorkflowFiles } from "./check-workflows.ts";
import { generateWorkflowRetries } from "./generate/workflow-retries.ts";

const files = readWorkflowFiles();

function changed(name: string, from: string, to: string) {
  const original = files.find((file) => file.name === name)?.text ?? "";
  const text = original.replace(from, to);
  if (text === original) throw new Error(`${name} does not contain ${from}`);
  return files.map((file) => (file.name === name ? { name, text } : file));
}

describe("the workflow files of this repository", () => {
  test("agree with the lifecycle table", () => {
    expect(files.map((file) => file.name).toSorted()).toEqual([
      "cancel.yaml",
      "deployment.yaml",
      "retry.yaml",
    ]);
    expect(checkWorkflows(files, LIFECYCLE_TABLE)).toEqual([]);
  });

  test("carry the generated retry policy as it is now", () => {
    for (const { name, text } of files) {
      expect({ name, text: generateWorkflowRetries(text) }).toEqual({ name, text });
    }
  });
});

describe("a change that breaks the agreement is found", () => {
  const cases: [what: string, file: string, from: string, to: string, codes: string[]][] = [
    [
      "a wrong target state",
      "deployment.yaml",
      "to: validating",
      "to: building",
      ["edge-unknown", "edge-unclaimed", "unreachable-state"],
    ],
    [
      "a misspelled state",
      "deployment.yaml",
      "to: running",
      "to: runing",
      ["unknown-state", "edge-unclaimed", "unreachable-state"],
    ],
    [
      "a move by another function",
      "deployment.yaml",
      '"/deploy"',
      '"/observe"',
      ["wrong-owner", "edge-unclaimed", "unreachable-state"],
    ],
    [
      "a function that does not exist",
      "deployment.yaml",
      '"/build"',
      '"/biuld"',
      ["unknown-function", "wrong-owner", "edge-unclaimed", "unreachable-state"],
    ],
    [
      "an expression instead of a literal",
      "retry.yaml",
      "from: failed",
      "from: ${args.from}",
      ["unknown-state", "edge-unclaimed"],
    ],
    [
      "a move by a function that creates",
      "deployment.yaml",
      '/restore"}\n          body:\n',
      '/restore"}\n          body:\n            from: failed\n',
      ["needless-move"],
    ],
    ["no from", "retry.yaml", "from: failed", "was: failed", ["no-move", "edge-unclaimed"]],
    ["no execution", "cancel.yaml", "execution:", "ex:", ["missing-field"]],
    ["another audience", "cancel.yaml", "audience: ${url}", "audience: x", ["no-identity"]],
    ["no audience", "cancel.yaml", "audience: ${url}", "", ["no-identity"]],
    ["no identity", "retry.yaml", "type: OIDC", "type: OAuth2", ["no-identity"]],
    [
      "no retry",
      "retry.yaml",
      "        retry:\n",
      "        again:\n",
      ["no-retry", "unused-subworkflow"],
    ],
    [
      "an unknown base URL",
      "cancel.yaml",
      'functions: ${sys.get_env("FUNCTIONS_URL")}',
      'functions: ${sys.get_env("OTHER")}',
      ["unreadable-url"],
    ],
    [
      "a step after a return",
      "cancel.yaml",
      "    - answer:\n",
      "    - early: {return: 1}\n    - answer:\n",
      ["unreachable-step"],
    ],
    ["broken YAML", "cancel.yaml", "main:", "main: [", ["not-yaml"]],
  ];
  test.each(cases)("%s", (_what, file, from, to, codes) => {
    const found = checkWorkflows(changed(file, from, to), LIFECYCLE_TABLE).map(({ code }) => code);
    expect([...new Set(found)].toSorted()).toEqual(codes.toSorted());
  });

  test.each(LIFECYCLE_TABLE.moves.map((move) => [`${move.from} → ${move.to}`, move] as const))(
    "a table without %s no longer matches",
    (_name, move) => {
      const moves = LIFECYCLE_TABLE.moves.filter((row) => row !== move);
      const codes = checkWorkflows(files, { ...LIFECYCLE_TABLE, moves }).map(({ code }) => code);
      expect(codes).toContain("edge-unknown");
    },
  );

  test.each(["retry.yaml", "deployment.yaml"])("%s is missing", (name) => {
    const rest = files.filter((file) => file.name !== name);
    const codes = checkWorkflows(rest, LIFECYCLE_TABLE).map(({ code }) => code);
    expect(codes).toContain("edge-unclaimed");
  });

  test("a move that is new in the table is claimed by nobody", () => {
    const moves = [...LIFECYCLE_TABLE.moves, { from: "healthy", to: "queued", owner: "retry" }];
    const found = checkWorkflows(files, { ...LIFECYCLE_TABLE, moves });
    expect(found).toMatchObject([
      { code: "edge-unclaimed", message: expect.stringContaining("healthy → queued") },
    ]);
  });
});

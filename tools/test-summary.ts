/** A vitest reporter: says at the end what was skipped and why, and fails on what must not be skipped. */
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** A test that needs an optional tool skips itself with this note: `context.skip("go is not installed")`. */
const NOTE = /^(\S+) is not (?:installed|reachable)/;

/** What the reporter needs to know of a finished test. */
export interface FinishedTest {
  readonly name: string;
  readonly state: string;
  readonly note: string | undefined;
}

export interface Summary {
  readonly text: string;
  /** False when a test was skipped that had to run. */
  readonly isAllowed: boolean;
}

/**
 * With `required` empty, any test may be skipped. Otherwise only those may be that lack a tool which is not in
 * the list: a skip without a reason is refused too.
 */
export function summarize(tests: readonly FinishedTest[], required: readonly string[]): Summary {
  const skipped = tests.filter(({ state }) => state === "skipped");
  const refused = skipped.filter(({ note }) => isRefused(note, required));
  const count = (state: string) => tests.filter((test) => test.state === state).length;
  const lines = [
    ...skipped.map(({ name, note }) => `skipped: ${note ?? "no reason given"}: ${name}`),
    `${count("passed")} passed, ${count("failed")} failed, ${skipped.length} skipped`,
  ];
  if (refused.length > 0) {
    lines.push(`BIFROST_REQUIRE=${required.join(",")} refuses ${refused.length} of the skips.`);
  }
  return { text: lines.join("\n"), isAllowed: refused.length === 0 };
}

function isRefused(note: string | undefined, required: readonly string[]): boolean {
  if (required.length === 0) return false;
  const tool = NOTE.exec(note ?? "")?.[1];
  return tool === undefined || required.includes(tool);
}

export class SummaryReporter implements Reporter {
  readonly #required: readonly string[];

  /** @param required the value of BIFROST_REQUIRE: a comma list of tools, or nothing. */
  constructor(required: string | undefined) {
    this.#required = (required ?? "").split(",").filter((name) => name !== "");
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()].map(finished));
    const { text, isAllowed } = summarize(tests, this.#required);
    console.log(`\n${text}`);
    if (!isAllowed) process.exitCode = 1;
  }
}

function finished(test: TestCase): FinishedTest {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return { name: test.fullName, state: result.state, note };
}

// A vitest reporter: says at the end what was skipped and why, and fails on what must not be skipped.
// A test that needs an optional tool skips itself with the note "<tool> is not installed" (or "not reachable").
const NOTE = /^(\S+) is not (?:installed|reachable)/;

/** Whether a skipped test is one that BIFROST_REQUIRE forbids; without the variable, none is. */
export function isForbidden(note, required) {
  if (required.length === 0) return false;
  const tool = NOTE.exec(note ?? "")?.[1];
  return tool === undefined || required.includes(tool);
}

export class TestSummary {
  #required;

  constructor(required = requiredTools()) {
    this.#required = required;
  }

  onTestRunEnd(modules) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const results = tests.map((test) => ({ test, ...test.result() }));
    const skipped = results.filter(({ state }) => state === "skipped");
    const count = (state) => results.filter((result) => result.state === state).length;
    const forbidden = skipped.filter(({ note }) => isForbidden(note, this.#required));
    const lines = skipped.map(({ test, note }) => `skipped: ${note ?? "no reason given"}: ${test.fullName}`);
    const total = `${count("passed")} passed, ${count("failed")} failed, ${skipped.length} skipped`;
    process.stdout.write(`\n${[...lines, total].join("\n")}\n`);
    if (forbidden.length === 0) return;
    process.stdout.write(
      `BIFROST_REQUIRE=${this.#required.join(",")} does not allow ${forbidden.length} of them to be skipped.\n`,
    );
    process.exitCode = 1;
  }
}

function requiredTools() {
  return (process.env.BIFROST_REQUIRE ?? "").split(",").filter((name) => name !== "");
}

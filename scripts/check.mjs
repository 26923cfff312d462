// `npm run check`: everything that can be said about the code without running it.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { fail, prepare } from "./prepare.mjs";
import { installed, run } from "./run.mjs";

/** What did not change since the last run is not checked again. */
const TYPES_CACHE = "node_modules/.cache/bifrost/types.tsbuildinfo";

/** Slowest first, so that the others fill the time beside it. */
const CHECKS = {
  types: ["tsc", "-p", "tsconfig.json", "--incremental", "--tsBuildInfoFile", TYPES_CACHE],
  lint: ["oxlint", "--type-aware", "--deny-warnings"],
  deadcode: ["knip", "--no-progress"],
  generated: ["tsx", "tools/generate.ts", "--check"],
  workflows: ["tsx", "tools/check-workflows.ts"],
  format: ["oxfmt", "--check", "."],
};

const USAGE = `Usage: npm run check [-- name...]

Runs ${Object.keys(CHECKS).join(", ")}: all of them, or those that are named.
Prints one line for each, and the details of those that fail. Ends with 1 when one failed.

Example: npm run check -- types lint
`;

/** Resolves with whether all passed. */
export async function check(names = Object.keys(CHECKS)) {
  const waiting = [...names];
  const failed = [];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const [program, ...args] = CHECKS[name];
      const { code, seconds, output } = await run(installed(program), args);
      const verdict = code === 0 ? "ok    " : "FAILED";
      process.stdout.write(`${verdict} ${name.padEnd(10)} ${seconds.toFixed(1).padStart(5)} s\n`);
      if (code !== 0) failed.push({ name, output });
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  for (const { name, output } of failed) {
    process.stdout.write(`\n── ${name} ──\n${output.trim()}\n`);
  }
  return failed.length === 0;
}

async function main(names) {
  if (names.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  const unknown = names.filter((name) => !Object.hasOwn(CHECKS, name));
  if (unknown.length > 0) {
    fail(
      `there is no check ${unknown.join(", ")}; there are ${Object.keys(CHECKS).join(", ")}`,
      64,
    );
  }
  prepare();
  const passed = await check(names.length === 0 ? undefined : names);
  process.exitCode ||= passed ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));

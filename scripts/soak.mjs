// `npm run soak`: the end-to-end tests and every other test that has a longer form, with more load and more time.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { bundle } from "./bundle.mjs";
import { prepare, ROOT } from "./prepare.mjs";
import { installed, run } from "./run.mjs";

const USAGE = `Usage: npm run soak [-- arguments of vitest]

Runs tests with BIFROST_SOAK=long: those that put load on the platform take their larger
numbers. Without arguments these are the end-to-end tests and every other test file that
looks at BIFROST_SOAK; with arguments, what they select of all tests.

Example: npm run soak -- crash.contract
`;

const PROJECTS = ["unit", "contract", "e2e"].flatMap((name) => ["--project", name]);
const WITH_TESTS = ["shared", "functions", "gateway", "pack", "cli", "local", "test/contract"];

function withLongerForm() {
  return WITH_TESTS.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true })
      .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
      .map((name) => path.join(folder, name))
      .filter((name) => readFileSync(path.join(ROOT, name), "utf8").includes("BIFROST_SOAK")),
  );
}

async function main(args) {
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  prepare();
  await bundle();
  const selected = args.length > 0 ? args : ["test/e2e/", ...withLongerForm()];
  const { code } = await run(installed("vitest"), ["run", ...PROJECTS, ...selected], {
    show: true,
    env: { BIFROST_SOAK: "long" },
  });
  process.exitCode ||= code;
}

await main(process.argv.slice(2));

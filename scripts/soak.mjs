// `npm run soak`: the end-to-end tests, with more load and more time.
import { bundle } from "./bundle.mjs";
import { prepare } from "./prepare.mjs";
import { installed, run } from "./run.mjs";

const USAGE = `Usage: npm run soak [-- arguments of vitest]

Runs the end-to-end tests with BIFROST_SOAK=long: those that put load on the platform
take their larger numbers.
`;

async function main(args) {
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  prepare();
  await bundle();
  const { code } = await run(installed("vitest"), ["run", "--project", "e2e", ...args], {
    show: true,
    env: { BIFROST_SOAK: "long" },
  });
  process.exitCode ||= code;
}

await main(process.argv.slice(2));

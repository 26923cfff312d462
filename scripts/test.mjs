// `npm test`: the checks, then every test. Needs Node, npm and git, and nothing else.
import { bundle } from "./bundle.mjs";
import { check } from "./check.mjs";
import { prepare } from "./prepare.mjs";
import { installed, run } from "./run.mjs";

const USAGE = `Usage: npm test [-- arguments of vitest]

Without arguments: all checks (npm run check), then all tests: unit, contract, browser, e2e.
With arguments: only vitest, with them.

  BIFROST_REQUIRE   comma list of optional tools, for example bwrap,go,python3,npm-registry:
                    a test skipped for want of one of them fails, and so does one that
                    is skipped without saying why

Examples: npm test -- --project unit shared
          npm test -- -t "a failed deployment"
`;

async function main(args) {
  if (args.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  prepare();
  await bundle();
  const checked = args.length > 0 || (await check());
  // The tests run even then: one run should tell everything that is wrong.
  const { code } = await run(installed("vitest"), ["run", ...args], { show: true });
  if (!checked) process.stdout.write("\nThe tests ran, but a check failed: see above.\n");
  process.exitCode ||= checked ? code : 1;
}

await main(process.argv.slice(2));

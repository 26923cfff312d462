// `npm run bench`: measures, one benchmark after another, each in a process of its own.
import { fork } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./bundle.mjs";
import { fail, prepare, ROOT } from "./prepare.mjs";

const FOLDER = path.join(ROOT, "test", "bench");
const RUNNER = path.join(ROOT, "scripts", "bench-one.mjs");

const USAGE = `Usage: npm run bench [-- options] [name...]

Runs the benchmarks in test/bench, all or the named ones, and prints a table.
"reach" is what a row is meant to reach; nothing fails when it does not.

  --json <file>   also write the rows there
  --quick         fewer and shorter rounds, where a benchmark has a choice
  --help          this text

Example: npm run bench -- --json bench.json startup
`;

function benchmarks() {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => path.basename(file, ".ts"))
    .toSorted();
}

function readOptions(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: "string" },
        quick: { type: "boolean", default: false },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    return fail(`${error.message}; npm run bench -- --help shows all`, 64);
  }
}

/** Resolves with `{ name, rows }`, or with null when the benchmark failed; it has said why. */
function runOne(file, isQuick) {
  return new Promise((resolve) => {
    let result = null;
    const child = fork(RUNNER, [path.join(FOLDER, `${file}.ts`), ...(isQuick ? ["--quick"] : [])], {
      cwd: ROOT,
      execArgv: ["--import", "tsx"],
    });
    child.once("message", (message) => (result = message));
    child.once("error", () => resolve(null));
    child.once("close", (code) => resolve(code === 0 ? result : null));
  });
}

function printTable({ name, rows }) {
  const table = rows.map(({ metric, value, unit, reach }) => [
    metric,
    String(value),
    unit,
    reach === undefined ? "" : `reach ${reach} ${unit}`,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map(([metric, value, unit, reach]) =>
    `  ${metric.padEnd(widths[0])}  ${value.padStart(widths[1])} ${unit.padEnd(widths[2])}  ${reach}`.trimEnd(),
  );
  process.stdout.write(`${name}\n${lines.join("\n")}\n\n`);
}

async function main(args) {
  const { values, positionals } = readOptions(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const known = benchmarks();
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    fail(
      `there is no benchmark ${unknown.join(", ")}; there are ${known.join(", ") || "none"}`,
      64,
    );
  }
  prepare();
  await bundle();
  const results = [];
  for (const file of positionals.length > 0 ? positionals : known) {
    const result = await runOne(file, values.quick);
    if (result === null) {
      process.stderr.write(`${file} failed\n\n`);
      process.exitCode = 1;
      continue;
    }
    printTable(result);
    results.push(result);
  }
  if (values.json !== undefined) {
    const machine = { node: process.version, cpu: cpus()[0]?.model, cores: availableParallelism() };
    const report = { at: new Date().toISOString(), machine, results };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}

await main(process.argv.slice(2));

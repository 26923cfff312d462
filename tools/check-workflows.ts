/** Holds the workflow files against the lifecycle table: `tsx tools/check-workflows.ts`, exit code 1 on problems. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ALL_STATES, CREATORS, HAPPY_PATH, MOVES } from "@bifrost/shared/domain/lifecycle";
import { checkMoves } from "./check-workflows/check-moves.ts";
import { checkReachability } from "./check-workflows/check-reachability.ts";
import { findFunctionCalls } from "./check-workflows/function-calls.ts";
import type { LifecycleTable, Problem, SourceFile } from "./check-workflows/problem.ts";
import { readWorkflowFile } from "./check-workflows/workflow-file.ts";

/** The product's own lifecycle; the functions workflows may call are the owners of its moves, and creators. */
export const LIFECYCLE_TABLE: LifecycleTable = {
  states: ALL_STATES,
  moves: MOVES,
  initial: HAPPY_PATH[0] ?? "",
  functions: [...new Set(MOVES.map((move) => move.owner))],
  creators: CREATORS,
};

/** Every way the files differ from the table; empty = they agree. */
export function checkWorkflows(files: readonly SourceFile[], table: LifecycleTable): Problem[] {
  const problems: Problem[] = [];
  const calls = files.flatMap(({ name, text }) => {
    try {
      const file = readWorkflowFile(name, text);
      const found = findFunctionCalls(file);
      problems.push(...found.problems, ...checkReachability(file));
      return found.calls;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      problems.push({ code: "not-yaml", file: name, step: "", message });
      return [];
    }
  });
  return [...problems, ...checkMoves(calls, table)];
}

/** The workflow files of this repository. */
export function readWorkflowFiles(): SourceFile[] {
  const folder = new URL("../workflows/", import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));
}

function main(): void {
  const files = readWorkflowFiles();
  const problems = checkWorkflows(files, LIFECYCLE_TABLE);
  for (const { code, file, step, message } of problems) {
    console.error([file, step, code, message].filter((part) => part !== "").join(": "));
  }
  if (problems.length > 0) {
    process.exitCode = 1;
    return;
  }
  console.log(`${files.length} workflow files agree with the ${MOVES.length} moves of the table`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();

/** What runs on this machine, read from /proc, and programs run to their end. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { atEnd } from "./at-end.ts";

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** Runs a program to its end; it is killed after `timeoutMs`, two minutes unless said otherwise. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const { cwd, env = process.env, timeoutMs = 120_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    endWithTests(child);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Hands the result back when the program ended with `code`; throws with what it printed when not. */
export function endedWith(code: number, finished: Finished): Finished {
  if (finished.code === code) return finished;
  const { stdout, stderr } = finished;
  throw new Error(`it ended with ${finished.code} instead of ${code}:\n${stdout}\n${stderr}`);
}

const children = new Set<ChildProcess>();
atEnd(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** Kills the process when the test run ends before it. */
export function endWithTests(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** Program and arguments, with spaces between them. */
  readonly commandLine: string;
}

/** Every process of this machine that this user may see; zombies are left out. */
export function runningProcesses(): readonly RunningProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/stat`, "utf8");
        // The name in parentheses may hold anything: what follows the last one is fixed.
        const [state, parent] = status.slice(status.lastIndexOf(")") + 2).split(" ");
        const commandLine = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
        return state === "Z" ? [] : [{ pid: Number(name), parent: Number(parent), commandLine }];
      } catch {
        return []; // it ended while it was looked at
      }
    });
}

/** Those whose command line contains `text`, this process aside. */
export function processesWith(text: string): readonly RunningProcess[] {
  return runningProcesses().filter(
    ({ pid, commandLine }) => pid !== process.pid && commandLine.includes(text),
  );
}

/** Everything that descends from `pid`, without it. */
export function descendantsOf(pid: number): readonly RunningProcess[] {
  const all = runningProcesses();
  const found: RunningProcess[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const next = all.filter(({ parent }) => parents.has(parent));
    found.push(...next);
    parents = new Set(next.map((child) => child.pid));
  }
  return found;
}

/** Why a program that a test needs cannot be used, as the note of a skipped test; null when it can. */
export function lacks(program: string): string | null {
  const found = spawnSync(program, ["--help"], { stdio: "ignore" });
  return found.error === undefined ? null : `${program} is not installed`;
}

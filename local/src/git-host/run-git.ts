/** Git as child processes that see no configuration but ours and end when their pipes do. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { BifrostError } from "@bifrost/shared/domain/errors";

const ENV = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
} as const;
const MAX_OUTPUT = 64 * 1024 ** 2;

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export function spawnGit(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const child = spawn("git", [...args], { env: { ...ENV, ...env }, stdio: "pipe" });
  child.stdin.on("error", () => {}); // git may stop reading early; its exit code says why
  return child;
}

/** Runs git to its end and collects what it says. Throws missing-tool when there is no git. */
export function runGit(args: readonly string[]): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawnGit(args);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    child.stdin.end();
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) child.kill("SIGKILL");
      else stdout.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.once("error", (cause) => {
      reject(new BifrostError("missing-tool", "git cannot be started; install it", {}, { cause }));
    });
    child.once("close", (code) => {
      const text = Buffer.concat(stderr).toString("utf8");
      resolve({ exitCode: code ?? 137, stdout: Buffer.concat(stdout), stderr: text });
    });
  });
}

/** Output of a git command that must succeed, without its last newline. */
export async function gitText(args: readonly string[]): Promise<string> {
  const result = await runGit(args);
  if (result.exitCode === 0) return result.stdout.toString("utf8").trimEnd();
  throw new BifrostError("internal", `git ${args.join(" ")} failed: ${result.stderr.trim()}`);
}

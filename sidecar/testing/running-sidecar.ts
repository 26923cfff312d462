/** A sidecar as a process of its own, killed when its test ends. */
import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningSidecar {
  readonly pid: number;
  /** Everything it wrote to stderr. */
  said(): string;
  readonly ended: Promise<Ended>;
  terminate(): Promise<Ended>;
}

/** `command` is the binary, with whatever starts it before it; the environment is `env` and nothing else. */
export function startSidecar(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): RunningSidecar {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env: { ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    said: () => said,
    ended,
    terminate() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

// Runs a program of this checkout and waits for it; what it prints is either shown as it comes or kept.
import { spawn } from "node:child_process";
import path from "node:path";
import { ROOT } from "./prepare.mjs";

/** Children still at work; they end with this process, however it ends. */
const running = new Set();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    for (const child of running) child.kill("SIGTERM");
    process.exitCode = 130;
  });
}

/** A program that npm installed, by name. */
export const installed = (name) => path.join(ROOT, "node_modules", ".bin", name);

/**
 * Resolves with the exit code, the seconds it took and, unless `show`, everything it printed.
 * A program that cannot be started counts as one that ended with 127.
 */
export function run(command, args, { show = false, env = {} } = {}) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: show ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const output = [];
    const end = (code) => {
      running.delete(child);
      const seconds = (performance.now() - started) / 1000;
      resolve({ code, seconds, output: Buffer.concat(output).toString() });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data) => output.push(data));
    }
    child.once("error", (error) => {
      output.push(Buffer.from(`${error.message}\n`));
      end(127);
    });
    child.once("close", (code) => end(code ?? 1));
  });
}

/** An app as a process of its own, with children and threads, whose use of the machine can be measured and ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { endWithTests } from "../../support/processes.ts";

/** It has children, answers every path with 200, and says where it listens. */
const SOURCE = `
  for (let i = 0; i < Number(process.argv[2]); i++) require("child_process").spawn("sleep", ["60"]);
  const server = require("http").createServer((_, response) => response.end("ok"));
  server.listen(Number(process.argv[1]), "127.0.0.1", () => console.log(server.address().port));`;

export interface App {
  readonly port: number;
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export async function startApp(port = 0, children = 1): Promise<App> {
  const child = spawn(process.execPath, ["-e", SOURCE, String(port), String(children)], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  endWithTests(child);
  const [line] = await Promise.race([
    linesOf(child),
    new Promise<never>((_, reject) => {
      child.once("exit", () => reject(new Error("the app ended at once")));
    }),
  ]);
  return { port: Number(line), pid: child.pid ?? 0, kill: () => kill(child) };
}

async function linesOf(child: ChildProcess): Promise<readonly string[]> {
  if (child.stdout === null) throw new Error("the app's output is not a pipe");
  const lines = createInterface(child.stdout);
  return [await new Promise<string>((resolve) => void lines.once("line", resolve))];
}

/** Its whole group: the children too. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-child.pid, "SIGKILL");
  await ended;
}

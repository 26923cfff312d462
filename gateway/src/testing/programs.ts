/** Servers of others as children of a test: etcd, dnsmasq, avahi. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

/** Why a program that a test needs cannot be used, as the note of a skipped test; null when it can. */
export function lacks(program: string): string | null {
  const found = spawnSync(program, ["--help"], { stdio: "ignore" });
  return found.error === undefined ? null : `${program} is not installed`;
}

export interface RunningServer {
  readonly pid: number;
  /** Everything it printed. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves once it is gone. */
  stop(): Promise<void>;
}

/** Resolves once `isReady` holds; rejects with what the program printed when it ends first. */
export async function startServer(
  program: string,
  args: readonly string[],
  isReady: (output: string) => boolean | Promise<boolean>,
): Promise<RunningServer> {
  const child = spawn(program, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  const gone = endOf(child).finally(() => process.off("exit", kill));
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const end = Date.now() + 20_000;
  while (!(await isReady(printed))) {
    if (child.exitCode !== null || Date.now() > end) {
      kill();
      throw new Error(`${program} did not start:\n${printed.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    pid: child.pid ?? 0,
    output: () => printed,
    signal: (name) => void child.kill(name),
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(kill, 3000);
      await gone;
      clearTimeout(late);
    },
  };
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

/** Free for TCP on 127.0.0.1 a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface TestFolder {
  readonly path: string;
  file(name: string): string;
  remove(): void;
}

export function testFolder(): TestFolder {
  const folder = mkdtempSync(path.join(tmpdir(), "bifrost-discovery-"));
  return {
    path: folder,
    file: (name) => path.join(folder, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

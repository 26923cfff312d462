/** A real browser without a window, and pages that hold the bundled SDK. */
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { atEnd } from "../support/at-end.ts";
import { descendantsOf, processesWith } from "../support/processes.ts";
import type { Commands, Connection, Watch } from "./page.ts";

/** Quiet and offline: nothing but what the test itself loads. */
const FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
];

/** Where the browser is; undefined when it is not installed. */
export function chromiumPath(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, "chromium")).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** One open page with the SDK in it. */
export class Tab {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Runs a command in the page. */
  run<Name extends keyof Commands>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    return this.page.evaluate(
      ([command, values]) =>
        (
          globalThis as unknown as { commands: Record<string, (...all: unknown[]) => unknown> }
        ).commands[command]?.(...values),
      [name, args] as const,
    ) as Promise<Awaited<ReturnType<Commands[Name]>>>;
  }

  watched(name: string): Promise<Watch> {
    return this.run("watched", name);
  }
}

export class Browser {
  readonly #context: BrowserContext;
  readonly #origin: string;
  readonly #profile: string;
  readonly #close: () => Promise<void>;

  private constructor(
    context: BrowserContext,
    origin: string,
    profile: string,
    close: () => Promise<void>,
  ) {
    this.#context = context;
    this.#origin = origin;
    this.#profile = profile;
    this.#close = close;
  }

  /** Starts with an empty profile, and a server for the page. */
  static async start(executablePath: string): Promise<Browser> {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
      bundle: true,
      platform: "browser",
      write: false,
    });
    const script = outputFiles[0]?.text ?? "";
    const server = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
      response.end(isScript ? script : "<!doctype html><script src='page.js'></script>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const profile = mkdtempSync(join(tmpdir(), "bifrost-chromium-"));
    atEnd(() => rmSync(profile, { recursive: true, force: true, maxRetries: 3 }));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: FLAGS,
    });
    const { port } = server.address() as AddressInfo;
    return new Browser(context, `http://127.0.0.1:${port}`, profile, async () => {
      await context.close();
      server.closeAllConnections();
      server.close();
    });
  }

  async open(connection: Connection): Promise<Tab> {
    const page = await this.#context.newPage();
    await page.goto(this.#origin);
    const tab = new Tab(page);
    await tab.run("connect", connection);
    return tab;
  }

  /** Stops the browser's processes in their tracks while `meanwhile` runs, as a computer that sleeps does. */
  async whileAsleep(meanwhile: () => Promise<void>): Promise<void> {
    const own = processesWith(`--user-data-dir=${this.#profile}`);
    const pids = new Set(
      own.flatMap(({ pid }) => [pid, ...descendantsOf(pid).map((child) => child.pid)]),
    );
    if (pids.size === 0) throw new Error("the browser does not run");
    const signal = (name: NodeJS.Signals): void => {
      for (const pid of pids) if (isRunning(pid)) process.kill(pid, name);
    };
    try {
      signal("SIGSTOP");
      await meanwhile();
    } finally {
      signal("SIGCONT");
    }
  }

  close(): Promise<void> {
    return this.#close();
  }
}

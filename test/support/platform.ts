/** A whole platform in a process of its own, as `npm start` runs it, and the ways people reach it. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import type { DeploymentView, ProjectView } from "@bifrost/shared/api/schemas";
import { atEnd } from "./at-end.ts";
import { endWithTests, type Finished, runProgram, type RunOptions } from "./processes.ts";
import { removeFolder, ROOT, temporaryFolder } from "./folders.ts";
import { freeBasePort } from "./ports.ts";
import { until } from "./until.ts";

export interface PlatformOptions {
  /** A folder to continue in; a fresh one that vanishes with the platform unless given. */
  readonly home?: string;
  /** The base port; needed to continue in a folder, because git remotes name it. */
  readonly port?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
  /** Through `npm start` in a process group of its own, as a terminal runs it. */
  readonly isInTerminal?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

// An answer of the API is whatever the test expects of it.
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
type Json = any;

export interface ApiAnswer {
  readonly status: number;
  readonly body: Json;
}

/** What the platform says on its socket: facts of every stand-in, by product. */
export type PlatformInfo = Readonly<Record<string, Readonly<Record<string, Json>>>>;

const PORT_TAKEN = 69;
const STOP_TIMEOUT_MS = 20_000;

/** Resolves when the platform serves. Throws with everything it printed when it ends before that. */
export async function startPlatform(options: PlatformOptions = {}): Promise<PlatformUnderTest> {
  await bundleOnce();
  const home = options.home ?? temporaryFolder("bf-home-");
  for (let tries = 1; ; tries++) {
    const port = options.port ?? (await freeBasePort());
    const platform = new PlatformUnderTest(home, port, options);
    try {
      await platform.ready();
      return platform;
    } catch (error) {
      const raced = platform.exitCode === PORT_TAKEN && options.port === undefined;
      if (!raced || tries === 3) throw error;
    }
  }
}

let bundled: Promise<void> | null = null;

function bundleOnce(): Promise<void> {
  bundled ??= import(path.join(ROOT, "scripts", "bundle.mjs")).then(
    (module: { bundle(): Promise<void> }) => module.bundle(),
  );
  return bundled;
}

export class PlatformUnderTest {
  readonly home: string;
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #ownsHome: boolean;
  #printed = "";

  constructor(home: string, port: number, options: PlatformOptions) {
    this.home = home;
    this.port = port;
    this.#ownsHome = options.home === undefined;
    const { args = ["--no-demo"], env = {}, isInTerminal = false } = options;
    const all = ["--home", home, "--port", String(port), ...args];
    const [program, first] = isInTerminal
      ? ["npm", ["start", "--"]]
      : [process.execPath, [path.join(ROOT, "dist", "local.mjs")]];
    this.#process = spawn(program, [...first, ...all], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: isInTerminal,
    });
    endWithTests(this.#process);
    if (isInTerminal) atEnd(() => this.#signalGroup("SIGKILL"));
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#printed += text));
    }
    this.#ended = new Promise((resolve) => this.#process.once("close", () => resolve()));
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** Everything on standard output and standard error so far. */
  get printed(): string {
    return this.#printed;
  }

  get apiKey(): string {
    return this.secret("apiKey");
  }

  /** One of the keys that the platform made for itself. */
  secret(name: string): string {
    const file = path.join(this.home, "secrets.json");
    return (JSON.parse(readFileSync(file, "utf8")) as Record<string, string>)[name] ?? "";
  }

  /** Address of the program that many ports after the first: see local/src/addresses.ts. */
  address(offset: number): string {
    return `http://127.0.0.1:${this.port + offset}`;
  }

  async ready(): Promise<void> {
    const ended = this.#ended.then(() => {
      throw new Error(`the platform ended with ${this.exitCode}:\n${this.#printed}`);
    });
    const serving = until(() => /Ready in/.test(this.#printed), {
      what: "a ready platform",
      everyMs: 20,
    });
    await Promise.race([serving, ended]);
  }

  /** Ends it as Ctrl-C does; a folder it made for itself is removed. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
    if (this.#ownsHome) removeFolder(this.home);
  }

  /** Ctrl-C in its terminal: the whole process group gets the signal. The folder stays. */
  async interrupt(): Promise<void> {
    this.#signalGroup("SIGINT");
    await this.#ended;
  }

  #signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // Nothing of the group is left.
    }
  }

  /** Ends the platform's process at once, as a power cut would. The folder stays. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  async info(): Promise<PlatformInfo> {
    return (await this.report()).info;
  }

  report(): Promise<{ summary: string; pid: number; info: PlatformInfo }> {
    return new Promise((resolve, reject) => {
      let text = "";
      connect(path.join(this.home, "platform.sock"))
        .setEncoding("utf8")
        .on("data", (chunk: string) => (text += chunk))
        .on("end", () => resolve(JSON.parse(text)))
        .on("error", reject);
    });
  }

  /** The `bifrost` command that the platform wrote for its user. */
  cli(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", NO_COLOR: "1", ...options.env };
    return runProgram(path.join(this.home, "bin", "bifrost"), args, { ...options, env });
  }

  hostOf(slug: string): string {
    return `${slug}.localhost:${this.port}`;
  }

  /** Asks an app through the gateway, each time on a new connection. */
  get(slug: string, url = "/", fields: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { ...fields, host: this.hostOf(slug) };
      const asked = httpRequest(
        { host: "127.0.0.1", port: this.port, path: url, headers, agent: false, timeout: 20_000 },
        (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => (body += text));
          response.once("error", reject);
          response.once("end", () =>
            resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
          );
        },
      );
      asked.once("timeout", () => asked.destroy(new Error(`no answer to ${url}`)));
      asked.once("error", reject);
      asked.end();
    });
  }

  apiGet(url: string): Promise<ApiAnswer> {
    return this.api("GET", url);
  }

  apiPost(url: string, body: object = {}): Promise<ApiAnswer> {
    return this.api("POST", url, body);
  }

  async api(method: string, url: string, body?: object): Promise<ApiAnswer> {
    const response = await fetch(`${this.address(1)}/api/v1${url}`, {
      method,
      headers: { authorization: `Bearer ${this.apiKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  async project(slug: string): Promise<ProjectView> {
    return (await this.apiGet(`/projects/${slug}`)).body;
  }

  async deployment(id: string): Promise<DeploymentView> {
    return (await this.apiGet(`/deployments/${id}`)).body;
  }

  /** A project's deployments, newest first. */
  async deployments(slug: string): Promise<readonly DeploymentView[]> {
    return (await this.apiGet(`/projects/${slug}/deployments`)).body.items;
  }

  /** Waits for a deployment to rest, `healthy` or `failed`, or for what `isIt` asks. */
  untilDeployment(
    id: string,
    isIt: (deployment: DeploymentView) => boolean = isOver,
    timeoutMs = 60_000,
  ): Promise<DeploymentView> {
    return until(
      async () => {
        const deployment = await this.deployment(id);
        return isIt(deployment) ? deployment : null;
      },
      { timeoutMs, everyMs: 100, what: `deployment ${id} as it was waited for` },
    );
  }

  /** All build or runtime lines of a deployment. */
  async lines(id: string, stream: "build" | "runtime"): Promise<readonly string[]> {
    const { body } = await this.apiGet(`/deployments/${id}/logs?stream=${stream}&limit=1000`);
    return body.items.flatMap((chunk: { lines: string[] }) => chunk.lines);
  }
}

function isOver({ state }: DeploymentView): boolean {
  return state === "healthy" || state === "failed";
}

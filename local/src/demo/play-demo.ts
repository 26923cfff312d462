/** The story `npm start` tells: the sample app, pushed with git, followed until it is healthy. The CLI does the work. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { addressOf } from "../assemble/context.ts";
import type { Platform } from "../platform.ts";
import { credentialsPath } from "../write-credentials.ts";
import type { DemoResult } from "./describe-platform.ts";

const SAMPLE = "node-hello";

export interface DemoOptions {
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

export async function playDemo(platform: Platform, options: DemoOptions): Promise<DemoResult> {
  const { config } = platform.context;
  if (await isLive(platform)) return { slug: SAMPLE, state: "back from the last time" };
  const folder = path.join(config.home, "demo", SAMPLE);
  if (!existsSync(folder)) {
    mkdirSync(path.dirname(folder), { recursive: true });
    cpSync(path.join(platform.context.root, "examples", SAMPLE), folder, { recursive: true });
  }
  options.say(`Deploying the sample app from ${folder}\n\n`);
  const exitCode = await deploy(platform, folder, options.signal);
  return { slug: SAMPLE, state: exitCode === 0 ? "healthy" : "failed, see above" };
}

/** Deployed by an earlier start: its replicas come back by themselves. */
async function isLive(platform: Platform): Promise<boolean> {
  const { context } = platform;
  const response = await fetch(`${addressOf(context, "functions")}/api/v1/projects/${SAMPLE}`, {
    headers: { authorization: `Bearer ${context.secrets.apiKey}` },
  });
  const project: unknown = await response.json();
  return response.ok && v.is(v.object({ liveDeploymentId: v.string() }), project);
}

function deploy(platform: Platform, folder: string, signal: AbortSignal): Promise<number> {
  const { context } = platform;
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(
      process.execPath,
      [path.join(context.root, "dist", "cli.mjs"), "deploy"],
      {
        cwd: folder,
        env: {
          PATH: context.config.searchPath,
          HOME: context.config.home,
          BIFROST_CREDENTIALS: credentialsPath(context.config.home),
          ...(context.config.color ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" }),
        },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    child.once("error", () => resolve(1));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

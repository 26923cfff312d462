/** `npm start`: claims the data directory, starts the platform, plays the demo, serves until it is told to stop. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BifrostError, isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { systemTimers } from "@bifrost/shared/domain/time";
import { readLocalConfig, USAGE, type LocalConfig } from "./config.ts";
import { playDemo } from "./demo/play-demo.ts";
import { describePlatform } from "./demo/describe-platform.ts";
import { fileSink } from "./file-sink.ts";
import { startPlatform, type Platform } from "./platform.ts";
import { claimInstance } from "./single-instance.ts";

/** Bundled into dist/, one folder below the checkout. */
const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** sysexits-like, so that scripts can tell the reasons apart; everything else is 1. */
const EXIT_CODES: Partial<Record<BifrostError["code"], number>> = {
  "bad-request": 64,
  "port-taken": 69,
  "missing-tool": 69,
  "disk-full": 74,
  "data-corrupt": 65,
  "already-running": 75,
};

const say = (text: string) => process.stdout.write(text);

async function run(config: LocalConfig): Promise<void> {
  const started = performance.now();
  let summary = "it is starting";
  let running: Platform | null = null;
  const instance = await claimInstance(config.home, () => ({
    summary,
    pid: process.pid,
    info: running?.info() ?? {},
  }));
  const sink = fileSink(path.join(config.home, "logs", "platform.log"));
  const log = structuredLogger({ service: "platform", level: "info", write: sink });
  say("Bifrost is starting…\n");
  const platform = await startPlatform({ root: ROOT, config, timers: systemTimers, log });
  running = platform;
  const stopping = new AbortController();
  stopOnSignal(platform, instance, stopping);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`Ready in ${seconds} s.\n\n`);
  summary = describePlatform(platform).oneLine;
  const demo = config.demo ? await playDemo(platform, { say, signal: stopping.signal }) : null;
  if (!stopping.signal.aborted) say(describePlatform(platform, demo).text);
}

/** npm passes on the signal that the terminal has sent to all of its programs: one Ctrl-C may arrive twice. */
const SAME_KEY_MS = 500;

function stopOnSignal(
  platform: Platform,
  instance: { release(): void },
  stopping: AbortController,
): void {
  let askedAt = 0;
  const stop = () => {
    if (stopping.signal.aborted) {
      if (systemTimers.now() - askedAt < SAME_KEY_MS) return;
      process.exit(130); // asked twice: at once; children end with their parent
    }
    askedAt = systemTimers.now();
    stopping.abort();
    say("\nStopping…\n");
    void platform.stop().then(() => {
      instance.release();
      say("Stopped. Your data is kept; `npm start` continues where this ended.\n");
      process.exit(0);
    });
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

function exitCodeOf(error: unknown): number {
  if (systemCodeOf(error) === "ENOSPC") return EXIT_CODES["disk-full"] ?? 1;
  return isBifrostError(error) ? (EXIT_CODES[error.code] ?? 1) : 1;
}

function systemCodeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

function explain(error: unknown): string {
  if (error instanceof BifrostError) return error.message;
  const code = systemCodeOf(error);
  if (code === "ENOSPC") return "the disk is full; free some space and start again";
  if (["EACCES", "EPERM", "EROFS", "EEXIST", "ENOTDIR"].includes(code))
    return `${messageOf(error)}; the data directory (--home) must be a directory that can be written`;
  return messageOf(error);
}

try {
  const config = readLocalConfig(ROOT);
  if (config.help) say(USAGE);
  else await run(config);
} catch (error) {
  process.stderr.write(`bifrost: ${explain(error)}\n`);
  process.exit(exitCodeOf(error));
}

/** Fifty new projects pushed in the same moment: all must become healthy and answer through the gateway. */
import { readFileSync } from "node:fs";
import { descendantsOf } from "../support/processes.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { until } from "../support/until.ts";
import { type BenchResult, quantile, seconds } from "./support/bench.ts";
import { PushedApp } from "./support/pushed-app.ts";

export const name = "50 projects at once";

const PROJECTS = 50;
const SAMPLE_EVERY_MS = 250;
const ANSWER_TIMEOUT_MS = 120_000;

interface Ending {
  readonly healthyAfter: number;
  readonly answersAfter: number;
  /** Null when all went well. */
  readonly failure: string | null;
}

export async function run(): Promise<BenchResult> {
  const platform = await startPlatform();
  try {
    const apps: PushedApp[] = [];
    for (let index = 1; index <= PROJECTS; index++) {
      apps.push(await PushedApp.create(platform, "node-hello", `bench-${index}`));
    }
    const commits = await Promise.all(apps.map((app) => app.commit()));
    const memory = watchMemory(platform.pid);
    const started = Date.now();
    const endings = await Promise.all(
      apps.map((app, index) => deploy(platform, app, { sha: commits[index] ?? "", started })),
    );
    const peak = memory.stop();
    return { rows: rowsOf(endings, peak) };
  } finally {
    await platform.stop();
  }
}

async function deploy(
  platform: PlatformUnderTest,
  app: PushedApp,
  { sha, started }: { sha: string; started: number },
): Promise<Ending> {
  try {
    await app.push();
    const followed = await app.follow(sha);
    const healthyAfter = Date.parse(followed.transitions.at(-1)?.at ?? "") - started;
    if (followed.state !== "healthy") {
      const words = `${followed.failure?.code}: ${followed.failure?.message}`;
      return { healthyAfter, answersAfter: Number.NaN, failure: words };
    }
    await until(async () => (await platform.get(app.slug)).status === 200, {
      timeoutMs: ANSWER_TIMEOUT_MS,
      what: `an answer of ${app.slug}`,
    });
    return { healthyAfter, answersAfter: Date.now() - started, failure: null };
  } catch (error) {
    return { healthyAfter: Number.NaN, answersAfter: Number.NaN, failure: String(error) };
  }
}

function rowsOf(endings: readonly Ending[], peak: Peak) {
  const good = endings.filter(({ failure }) => failure === null);
  for (const { failure } of endings) if (failure !== null) process.stderr.write(`  ${failure}\n`);
  const healthy = good.map(({ healthyAfter }) => healthyAfter);
  return [
    { metric: "not healthy or not answering", value: PROJECTS - good.length, unit: "", reach: 0 },
    {
      metric: "all healthy and answering after",
      value: seconds(Math.max(...good.map(({ answersAfter }) => answersAfter))),
      unit: "s",
    },
    { metric: "push to healthy, p50", value: seconds(quantile(healthy, 0.5)), unit: "s" },
    { metric: "push to healthy, p95", value: seconds(quantile(healthy, 0.95)), unit: "s" },
    { metric: "peak memory of the platform's three processes", value: peak.platform, unit: "MB" },
    { metric: "peak memory of the sidecars", value: peak.sidecars, unit: "MB" },
    { metric: "peak memory of everything else: apps, builds, git", value: peak.rest, unit: "MB" },
  ];
}

interface Peak {
  platform: number;
  sidecars: number;
  rest: number;
}

/** Resident memory, shared pages counted in every process that maps them. */
function watchMemory(pid: number): { stop(): Peak } {
  const peak: Peak = { platform: 0, sidecars: 0, rest: 0 };
  const sample = (): void => {
    const now: Peak = { platform: residentMb(pid), sidecars: 0, rest: 0 };
    for (const { pid: child, commandLine } of descendantsOf(pid)) {
      now[kindOf(commandLine)] += residentMb(child);
    }
    for (const kind of ["platform", "sidecars", "rest"] as const) {
      peak[kind] = Math.max(peak[kind], Math.round(now[kind]));
    }
  };
  const timer = setInterval(sample, SAMPLE_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

function kindOf(commandLine: string): keyof Peak {
  if (/dist\/(functions|gateway)\.mjs/.test(commandLine)) return "platform";
  return commandLine.includes("dist/sidecar.mjs") ? "sidecars" : "rest";
}

function residentMb(pid: number): number {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
    return (Number(pages) * 4096) / 1_000_000;
  } catch {
    return 0; // it ended while it was looked at
  }
}

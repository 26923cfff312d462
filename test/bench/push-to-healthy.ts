/**
 * From `git push` of a new commit to a healthy release, one push after another, beside the app's own start timed bare
 * in the same minutes: what remains is what the platform adds. The states' times come from the stored transitions.
 */
import { spawn } from "node:child_process";
import { request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TransitionView } from "@bifrost/shared/api/schemas";
import { endWithTests } from "../support/processes.ts";
import { startPlatform } from "../support/platform.ts";
import { type BenchResult, median, quantile, type Row, seconds } from "./support/bench.ts";
import { type Followed, PushedApp } from "./support/pushed-app.ts";

export const name = "push to healthy, node-hello";

const PUSHES = 12;
const REACH_SECONDS = 1.5;

interface Sample {
  readonly pushedAt: number;
  readonly pushTook: number;
  readonly followed: Followed;
}

export async function run(): Promise<BenchResult> {
  const platform = await startPlatform();
  try {
    const app = await PushedApp.create(platform, "node-hello", "push-bench");
    const first = await push(app);
    const samples: Sample[] = [];
    const bare: number[] = [];
    for (let turn = 0; turn < PUSHES; turn++) {
      bare.push(await timeBare(app.folder));
      samples.push(await push(app));
    }
    return { rows: [...summary(first, samples, bare), ...breakdown(samples)] };
  } finally {
    await platform.stop();
  }
}

async function push(app: PushedApp): Promise<Sample> {
  const sha = await app.commit();
  const pushedAt = Date.now();
  await app.push();
  const pushTook = Date.now() - pushedAt;
  const followed = await app.follow(sha);
  if (followed.state !== "healthy")
    throw new Error(
      `deployment ${followed.id} ended ${followed.state}: ${followed.failure?.message}`,
    );
  return { pushedAt, pushTook, followed };
}

/** The example has no build: its start until the health path answers is all the app takes by itself. */
async function timeBare(folder: string): Promise<number> {
  const port = await freePort();
  const started = performance.now();
  const env = { ...process.env, PORT: String(port), GREETING: "Hello" };
  const child = spawn("node", ["server.js"], { cwd: folder, env, stdio: "ignore" });
  endWithTests(child);
  const ended = new Promise((resolve) => child.once("close", resolve));
  while (!(await isHealthy(port))) await sleep(2);
  const took = performance.now() - started;
  child.kill("SIGKILL");
  await ended;
  return took;
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    request({ host: "127.0.0.1", port, path: "/healthz", agent: false }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode === 200));
    })
      .once("error", () => resolve(false))
      .end();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

const totalOf = ({ pushedAt, followed }: Sample): number => followed.seenAt - pushedAt;

function summary(first: Sample, samples: readonly Sample[], bare: readonly number[]): Row[] {
  const totals = samples.map(totalOf);
  const added = totals.map((total, turn) => total - (bare[turn] ?? 0));
  return [
    {
      metric: "push to healthy minus bare start, p50",
      value: seconds(median(added)),
      unit: "s",
      reach: REACH_SECONDS,
    },
    { metric: `push to healthy, p50 of ${PUSHES}`, value: seconds(median(totals)), unit: "s" },
    { metric: "push to healthy, p95", value: seconds(quantile(totals, 0.95)), unit: "s" },
    {
      metric: "bare start until the health path answers, p50",
      value: seconds(median(bare)),
      unit: "s",
    },
    { metric: "first push of a new platform", value: seconds(totalOf(first)), unit: "s" },
    {
      metric: "git push itself, p50",
      value: ms(samples.map(({ pushTook }) => pushTook)),
      unit: "ms",
    },
  ];
}

/** p50 of the time in each state, and of what lies before the first and after the last. */
function breakdown(samples: readonly Sample[]): Row[] {
  const states = samples[0]?.followed.transitions.map(({ to }) => to) ?? [];
  const stays = states.slice(0, -1).map((state, index) => ({
    metric: `  in ${state}, p50`,
    value: ms(samples.map((sample) => at(sample, index + 1) - at(sample, index))),
    unit: "ms",
  }));
  return [
    {
      metric: "  push to queued, p50",
      value: ms(samples.map((sample) => at(sample, 0) - sample.pushedAt)),
      unit: "ms",
    },
    ...stays,
    {
      metric: "  healthy to seen by a client, p50",
      value: ms(samples.map((sample) => sample.followed.seenAt - at(sample, states.length - 1))),
      unit: "ms",
    },
  ];
}

function at({ followed }: Sample, index: number): number {
  const transition: TransitionView | undefined = followed.transitions[index];
  return transition === undefined ? Number.NaN : Date.parse(transition.at);
}

function ms(values: readonly number[]): number {
  return Math.round(median(values));
}

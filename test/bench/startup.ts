/** From `npm start` until API, git remote and gateway all answer, in a new data folder and in one with a healthy app. */
import { type ChildProcess, spawn } from "node:child_process";
import { request } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { endWithTests } from "../support/processes.ts";
import { removeFolder, ROOT, temporaryFolder } from "../support/folders.ts";
import { startPlatform } from "../support/platform.ts";
import { freeBasePort } from "../support/ports.ts";
import { until } from "../support/until.ts";
import { type BenchResult, median, type Row, seconds } from "./support/bench.ts";
import { PushedApp } from "./support/pushed-app.ts";

export const name = "start-up";

const RUNS = 5;
const REACH_SECONDS = 3;
const WARM_APP = "warm-app";

export async function run(): Promise<BenchResult> {
  const bare: number[] = [];
  const fresh: number[] = [];
  const warm: number[] = [];
  const home = temporaryFolder("bf-home-");
  const port = await freeBasePort();
  await deployOne(home, port);
  for (let turn = 0; turn < RUNS; turn++) {
    bare.push(await timeNode());
    const empty = temporaryFolder("bf-home-");
    fresh.push(await timeStart(empty, await freeBasePort(), 404));
    removeFolder(empty);
    // In the warm folder the app itself must answer: its pod has come back and the gateway knows it.
    warm.push(await timeStart(home, port, 200));
  }
  return {
    rows: [
      ...row("npm start, new data folder", fresh),
      ...row("npm start, data of one app, which answers too", warm),
      // A yardstick for how busy the machine was: about 40 ms when nothing else runs.
      {
        metric: "an empty Node program meanwhile, p50",
        value: Math.round(median(bare)),
        unit: "ms",
      },
    ],
  };
}

function row(what: string, values: readonly number[]): Row[] {
  return [
    {
      metric: `${what}, p50 of ${RUNS}`,
      value: seconds(median(values)),
      unit: "s",
      reach: REACH_SECONDS,
    },
    { metric: `${what}, slowest`, value: seconds(Math.max(...values)), unit: "s" },
  ];
}

async function deployOne(home: string, port: number): Promise<void> {
  const platform = await startPlatform({ home, port });
  const app = await PushedApp.create(platform, "node-hello", WARM_APP);
  const sha = await app.commit();
  await app.push();
  const { state } = await app.follow(sha);
  if (state !== "healthy") throw new Error(`the first deployment ended ${state}`);
  await platform.stop();
}

async function timeNode(): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, ["-e", "0"], { stdio: "ignore" });
  await new Promise((resolve) => child.once("close", resolve));
  return performance.now() - started;
}

/** Milliseconds from the command to the last of the three answers; the platform is stopped again. */
async function timeStart(home: string, port: number, gatewayStatus: number): Promise<number> {
  const started = performance.now();
  const child = spawn(
    "npm",
    ["start", "--silent", "--", "--no-demo", "--home", home, "--port", String(port)],
    { cwd: ROOT, stdio: "ignore" },
  );
  endWithTests(child);
  const host = `${WARM_APP}.localhost:${port}`;
  const answers = (offset: number, url: string, status: number) =>
    until(async () => (await statusOf(port + offset, url, host)) === status, {
      everyMs: 10,
      timeoutMs: 60_000,
      what: `status ${status} of ${url}`,
    });
  try {
    await Promise.all([
      answers(1, "/api/v1/health", 200),
      answers(2, `/local/${WARM_APP}.git/info/refs?service=git-receive-pack`, 401),
      answers(0, "/", gatewayStatus),
    ]);
    return performance.now() - started;
  } finally {
    await stop(child, home);
  }
}

/** The apps' port is told apart by the host; the other programs do not look at it. */
function statusOf(port: number, url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: url, headers: { host }, agent: false };
    request(options, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    })
      .once("error", reject)
      .end();
  });
}

/** npm does not always pass a signal on, so the platform itself is told; its socket says who it is. */
async function stop(npm: ChildProcess, home: string): Promise<void> {
  const ended = new Promise((resolve) => npm.once("close", resolve));
  process.kill(await until(() => pidOf(home)), "SIGTERM");
  await ended;
}

function pidOf(home: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    connect(path.join(home, "platform.sock"))
      .setEncoding("utf8")
      .on("data", (chunk: string) => (text += chunk))
      .on("end", () => resolve((JSON.parse(text) as { pid: number }).pid))
      .on("error", reject);
  });
}

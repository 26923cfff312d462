/**
 * How soon a killed app is seen: its process gets SIGKILL on a whole platform, and a client of the store that listens to the
 * release's replicas, as the dashboard does, is told. Each replica is killed once, because a second crash waits to be restarted.
 */
import { Firestore, type QuerySnapshot } from "@google-cloud/firestore";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { firestoreAddress, personToken } from "../support/principals.ts";
import { descendantsOf } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { type BenchResult, median, type Row } from "./support/bench.ts";
import { PushedApp } from "./support/pushed-app.ts";

export const name = "killed app";

const REPLICAS = 8;
const INTERVAL_MS = 1000;
/** Promised: the interval and a second. */
const REACH_MS = INTERVAL_MS + 1000;

export async function run(): Promise<BenchResult> {
  const platform = await startPlatform();
  try {
    const id = await deploy(platform);
    const delays = await killEach(platform, id);
    return {
      rows: [
        row("probe interval", INTERVAL_MS),
        row(`a killed app is in the store's document after, p50 of ${REPLICAS}`, median(delays)),
        { ...row("slowest", Math.max(...delays)), reach: REACH_MS },
      ],
    };
  } finally {
    await platform.stop();
  }
}

function row(metric: string, value: number): Row {
  return { metric, value: Math.round(value), unit: "ms" };
}

async function deploy(platform: PlatformUnderTest): Promise<string> {
  const app = await PushedApp.create(platform, "node-hello", "killed-bench");
  const file = path.join(app.folder, "deploy.toml");
  const more = `\n[scaling]\nmin_replicas = ${REPLICAS}\nmax_replicas = ${REPLICAS}\n\n[health]\ninterval = "${INTERVAL_MS}ms"\n`;
  writeFileSync(file, readFileSync(file, "utf8") + more);
  const sha = await app.commit();
  await app.push();
  const { id, state, failure } = await app.follow(sha);
  if (state !== "healthy") throw new Error(`the deployment ended ${state}: ${failure?.message}`);
  return id;
}

async function killEach(platform: PlatformUnderTest, id: string): Promise<readonly number[]> {
  const client = new Firestore({
    projectId: "bifrost-local",
    host: firestoreAddress(platform),
    ssl: false,
    customHeaders: { Authorization: `Bearer ${await personToken(platform, "local")}` },
  });
  const seen = new Seen();
  const close = client
    .collection(`deployments/${id}/replicas`)
    .onSnapshot((snapshot) => seen.take(snapshot));
  try {
    const all = () => seen.steady === REPLICAS;
    await until(all, { everyMs: 20, what: `${REPLICAS} healthy replicas in the store` });
    const delays: number[] = [];
    for (const pid of appProcesses(platform)) {
      // Not in step with the probes.
      await sleep((INTERVAL_MS * delays.length) / REPLICAS);
      const before = seen.incidents;
      const killedAt = performance.now();
      process.kill(pid, "SIGKILL");
      await until(() => seen.incidents > before, { everyMs: 1, what: "the killed app" });
      delays.push(performance.now() - killedAt);
      await until(all, { everyMs: 20, what: "the restarted app" });
    }
    return delays;
  } finally {
    close();
    await client.terminate();
  }
}

/** One process for each replica: the one that no other process of its pod has started. */
function appProcesses(platform: PlatformUnderTest): readonly number[] {
  const pods = path.join(platform.home, "kubernetes", "pods");
  return readdirSync(pods).map((pod) => {
    const root = Number(readFileSync(path.join(pods, pod, "app.pid"), "utf8"));
    const server = descendantsOf(root).find(({ commandLine }) =>
      /node server\.js/.test(commandLine),
    );
    return server?.pid ?? root;
  });
}

/** What the listener was told so far. */
class Seen {
  /** Replicas that are well as far as their documents say. */
  steady = 0;
  /** How often a document told of a failing probe or of a new process. */
  incidents = 0;
  readonly #restarts = new Map<string, number>();

  take(snapshot: QuerySnapshot): void {
    this.steady = 0;
    for (const document of snapshot.docs) {
      const restarts = Number(document.get("restarts"));
      const isWell = document.get("healthy") === true && document.get("lastResult") === "ok";
      if (isWell) this.steady += 1;
      if (!isWell || restarts > (this.#restarts.get(document.id) ?? restarts)) this.incidents += 1;
      this.#restarts.set(document.id, restarts);
    }
  }
}

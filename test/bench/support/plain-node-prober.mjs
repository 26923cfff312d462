// The peer of the sidecar's bench: what the sidecar does, written the plain way on Node alone. Same environment.
import { readdirSync, readFileSync } from "node:fs";
import { Agent, get, request } from "node:http";

const { env } = process;
const USAGE_EVERY_MS = 1000;
const collector = new Agent({ keepAlive: true, maxSockets: 1 });
const RESULTS = ["none", "ok", "refused", "timeout", "status", "error"];
const FAILURES = { ECONNREFUSED: "refused", LATE: "timeout" };
const NEEDED_PASSES = 2;
const boot = Date.now();
let seq = 0;
let passes = 0;
let fails = 0;
let usage = { procs: 0, cpuTicks: 0, rssPages: 0, threads: 0, fds: 0 };
let usageAt = -Infinity;
let cpuOverMs = 0;

function probe() {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const end = (result, status) =>
      resolve({ result, status, latencyMs: Math.round(performance.now() - startedAt) });
    const call = get(
      {
        host: env.PROBE_HOST,
        port: env.PROBE_PORT,
        path: env.PROBE_PATH,
        agent: false,
        timeout: Number(env.PROBE_TIMEOUT_MS),
      },
      (response) => {
        response.resume();
        const isFine = response.statusCode >= 200 && response.statusCode < 400;
        end(isFine ? "ok" : "status", response.statusCode);
      },
    );
    call.once("timeout", () => call.destroy(Object.assign(new Error("late"), { code: "LATE" })));
    call.once("error", ({ code }) => end(FAILURES[code] ?? "error", 0));
  });
}

/** CPU, memory, threads and descriptors of the app's process and all that descend from it. */
function readUsage() {
  const app = Number(readFileSync(env.APP_PID_FILE, "utf8"));
  const stats = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/stat`, "latin1");
      stats.set(Number(pid), line.slice(line.lastIndexOf(")") + 2).split(" "));
    } catch {
      // It ended while it was looked at.
    }
  }
  const belongs = (pid) => pid === app || (stats.has(pid) && belongs(Number(stats.get(pid)[1])));
  const sum = { procs: 0, cpuTicks: 0, rssPages: 0, threads: 0, fds: 0 };
  for (const [pid, fields] of stats) {
    if (!belongs(pid)) continue;
    sum.procs += 1;
    sum.cpuTicks += Number(fields[11]) + Number(fields[12]);
    sum.threads += Number(fields[17]);
    sum.rssPages += Number(fields[21]);
    sum.fds += readdirSync(`/proc/${pid}/fd`).length;
  }
  return sum;
}

function report(sample) {
  const headers = {
    authorization: `Bearer ${env.COLLECTOR_TOKEN}`,
    "content-type": "application/x-ndjson",
  };
  const call = request({
    host: env.COLLECTOR_HOST,
    port: env.COLLECTOR_PORT,
    path: `/v1/telemetry/${env.DEPLOYMENT_ID}`,
    method: "POST",
    agent: collector,
    headers,
  });
  call.on("response", (response) => response.resume());
  call.on("error", () => undefined);
  call.end(`${JSON.stringify(sample)}\n`);
}

async function turn() {
  const outcome = await probe();
  if (performance.now() - usageAt >= USAGE_EVERY_MS) {
    const [before, beforeAt] = [usage.cpuTicks, usageAt];
    usageAt = performance.now();
    cpuOverMs = beforeAt < 0 ? 0 : Math.round(usageAt - beforeAt);
    usage = readUsage();
    usage.sinceTicks = beforeAt < 0 ? 0 : Math.max(0, usage.cpuTicks - before);
  }
  seq += 1;
  passes = outcome.result === "ok" ? passes + 1 : 0;
  fails = outcome.result === "ok" ? 0 : fails + 1;
  const { sinceTicks, ...used } = usage;
  report({
    deployment: env.DEPLOYMENT_ID,
    pod: env.REPLICA,
    boot,
    seq,
    at: Date.now(),
    healthy: passes >= NEEDED_PASSES,
    proven: passes >= NEEDED_PASSES,
    verdictMs: 0,
    result: RESULTS.indexOf(outcome.result),
    status: outcome.status,
    connected: outcome.status > 0,
    connectMs: 0,
    latencyMs: outcome.latencyMs,
    body: "",
    passes,
    fails,
    restarts: 0,
    intervalMs: Number(env.PROBE_INTERVAL_MS),
    ...used,
    cpuTicks: sinceTicks,
    cpuOverMs,
    fdsDenied: 0,
    dropped: 0,
  });
}

process.on("SIGTERM", () => process.exit(0));
await turn();
setInterval(() => void turn(), Number(env.PROBE_INTERVAL_MS));

/** wrk for as many requests as a proxy takes, hey for a fixed rate. */
import { lacks, endedWith, runProgram } from "../../../support/processes.ts";
import { LOAD_CORE, supportFile } from "./contender.ts";

const CONNECTIONS = 64;
const RATE_CONNECTIONS = 40;

export function lacksLoad(): string | null {
  return lacks("wrk") ?? lacks("hey") ?? lacks("taskset");
}

export interface Throughput {
  readonly requests: number;
  readonly perSecond: number;
}

/** As fast as it goes for so many seconds; throws when an answer was not 2xx or a connection failed. */
export async function loadFully(port: number, seconds: number): Promise<Throughput> {
  const text = await run([
    "wrk",
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${seconds}`,
    "-s",
    supportFile("wrk.lua"),
    `http://127.0.0.1:${port}/`,
  ]);
  const trouble = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(text)?.[0];
  if (trouble !== undefined) throw new Error(`port ${port}: ${trouble}`);
  return {
    requests: numberIn(text, /(\d+) requests in/),
    perSecond: numberIn(text, /Requests\/sec:\s+([\d.]+)/),
  };
}

const P99 = /99% in ([\d.]+) secs/;
const SLOWEST = /Slowest:\s+([\d.]+) secs/;

export interface Latency {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function loadAtRate(
  port: number,
  perSecond: number,
  seconds: number,
): Promise<Latency> {
  const each = perSecond / RATE_CONNECTIONS;
  const options = `-z ${seconds}s -c ${RATE_CONNECTIONS} -q ${each} -host app1.example.test`;
  const headers = ["-H", "X-Client: client-7", "-H", "X-Internal: 1"];
  const url = `http://127.0.0.1:${port}/api/v1/items?id=1`;
  const text = await run(["hey", ...options.split(" "), ...headers, url]);
  const statuses = [...text.matchAll(/^\s+\[(\d+)\]\s+\d+ responses$/gm)].map((match) => match[1]);
  if (statuses.join() !== "200") throw new Error(`port ${port}: statuses ${statuses.join()}`);
  return {
    perSecond: numberIn(text, /Requests\/sec:\s+([\d.]+)/),
    p50Ms: 1000 * numberIn(text, /50% in ([\d.]+) secs/),
    // Of fewer than a hundred requests, on a machine that does something else, it names no such share.
    p99Ms: 1000 * numberIn(text, P99.test(text) ? P99 : SLOWEST),
  };
}

async function run(argv: readonly string[]): Promise<string> {
  return endedWith(0, await runProgram("taskset", ["-c", LOAD_CORE, ...argv])).stdout;
}

function numberIn(text: string, pattern: RegExp): number {
  const found = Number(pattern.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(found)) throw new Error(`nothing like ${pattern} in what it printed:\n${text}`);
  return found;
}

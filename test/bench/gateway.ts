/**
 * The gateway's data plane beside nginx, HAProxy and Caddy as Debian has them, without policies and with the same policy
 * in everyone's Lua. Each proxy has one core for itself; load and upstream share the other. Rounds are interleaved, so
 * that a slow minute hits everyone, and ratios are taken within a round. CPU for each request survives noise best.
 */
import { availableParallelism } from "node:os";
import { type BenchOptions, type BenchResult, type Row } from "./support/bench.ts";
import { caddy } from "./support/gateway/caddy.ts";
import { type Contender } from "./support/gateway/contender.ts";
import { haproxy } from "./support/gateway/haproxy.ts";
import { lacksLoad } from "./support/gateway/load.ts";
import { nginx } from "./support/gateway/nginx.ts";
import { bundledGateway } from "./support/gateway/ours.ts";
import { runRace } from "./support/gateway/race.ts";
import type { Race } from "./support/gateway/racer.ts";

export const name = "the gateway beside nginx, HAProxy and Caddy";

const PLAIN = { policy: "none", workers: 1, hasAccessLog: false } as const;
const WITH_POLICY = { ...PLAIN, policy: "request" } as const;

const RACES: readonly Race[] = [
  { title: "no policy", task: PLAIN, reach: 0.75, isRated: true },
  { title: "policy", task: WITH_POLICY, reach: 0.9, isRated: true },
  {
    title: "policy on responses too",
    task: { ...PLAIN, policy: "request and response" },
    reach: 0.9,
    isRated: false,
  },
  { title: "policy, access log", task: { ...WITH_POLICY, hasAccessLog: true }, isRated: false },
  { title: "policy, 2 workers", task: { ...WITH_POLICY, workers: 2 }, isRated: false },
];

export async function run(options: BenchOptions): Promise<BenchResult> {
  const missing =
    availableParallelism() < 2 ? "it takes two cores" : (lacksLoad() ?? nginx.lacks(PLAIN));
  if (missing !== null) {
    process.stderr.write(`the gateway is not measured: ${missing}\n`);
    return { rows: [] };
  }
  const contenders: readonly Contender[] = [nginx, haproxy, caddy, await bundledGateway()];
  const rows: Row[] = [];
  for (const race of RACES) rows.push(...(await runRace(race, contenders, options)));
  return { rows };
}

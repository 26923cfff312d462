/**
 * What one call of a policy costs: a limit, a sticky split, one header set and one removed, in the full sandbox; beside it the
 * same in plain JavaScript, and through the objects that wasmoon offers, as one would write it first.
 */
import { LimitCalls } from "@bifrost/gateway/lua/limit-calls";
import { loadLua } from "@bifrost/gateway/lua/lua-instance";
import { PolicyVm } from "@bifrost/gateway/lua/policy-vm";
import { SharedState } from "@bifrost/gateway/lua/shared-state";
import { makeSplit, pick } from "@bifrost/gateway/lua/split";
import { TokenBuckets } from "@bifrost/gateway/limits/token-buckets";
import type { PolicyRequest } from "@bifrost/gateway/policies/policy-chain";
import { naiveEngine } from "@bifrost/gateway/testing/naive-lua";
import { systemTimers } from "@bifrost/shared/domain/time";
import { type BenchResult, median } from "./support/bench.ts";

export const name = "one call of a policy";

const POLICY = `
local choose = split{ a = 90, b = 10 }
function on_request(req)
  local key = req:header("x-client") or req.ip
  if not limit(key, 1000000, 1000000) then return deny(429, "slow down") end
  req:set_header("x-variant", choose(key))
  req:remove_header("x-internal")
end`;
const CLIENTS = 200;
const ROUNDS = 5;
const CALLS = 200_000;
const NAIVE_CALLS = 4000;
const GROWTH_CALLS = 1_000_000;
const RELOADS = 200;

const scope = { limits: "bench", state: new SharedState() };
const services = {
  limiter: new TokenBuckets(systemTimers),
  now: () => systemTimers.now(),
  log: () => undefined,
  marker: { enter: () => undefined, leave: () => undefined },
};

/** As the proxy's requests are: a header is looked up when it is asked for. */
class BenchRequest implements PolicyRequest {
  readonly method = "GET";
  readonly target = "/api/v1/items?id=1";
  readonly host = "app.test";
  readonly ip = "10.0.0.1";
  readonly scheme = "http";
  readonly id = "request";
  readonly projectId = "project";
  private readonly client: string;

  constructor(client: string) {
    this.client = client;
  }

  header(header: string): string | undefined {
    return header === "x-client" ? this.client : undefined;
  }
}

const requests = Array.from({ length: CLIENTS }, (_, index) => new BenchRequest(`client-${index}`));
let kept = 0;

export async function run(): Promise<BenchResult> {
  const lua = await loadLua();
  const open = (): PolicyVm =>
    new PolicyVm(lua, {
      name: "bench",
      source: POLICY,
      config: {},
      services,
      scopeOf: () => scope,
      marked: 1,
    });
  const vm = open();
  const limits = new LimitCalls();
  limits.mayWait = true;
  const sandboxed = perCall(CALLS, (request) => {
    limits.clear();
    const outcome = vm.onRequest(request, limits);
    return outcome instanceof Promise || outcome.request === null ? 0 : 1;
  });
  const plain = perCall(CALLS, plainPolicy());
  const naive = perCall(NAIVE_CALLS, await naivePolicy());
  vm.state.collect();
  const before = vm.state.used;
  for (let i = 0; i < GROWTH_CALLS; i++) vm.onRequest(requestAt(i));
  vm.state.collect();
  const growth = vm.state.used - before;
  const reloads = Array.from({ length: RELOADS }, () => {
    const start = performance.now();
    const fresh = open();
    fresh.onRequest(requestAt(0));
    const took = performance.now() - start;
    fresh.close();
    return took;
  });
  vm.close();
  return {
    rows: [
      { metric: "in the sandbox", value: rounded(sandboxed, 3), unit: "µs", reach: 1 },
      { metric: "the same in plain JavaScript", value: rounded(plain, 3), unit: "µs" },
      {
        metric: "the same with wasmoon's objects, no sandbox",
        value: rounded(naive, 1),
        unit: "µs",
      },
      { metric: `growth over ${GROWTH_CALLS} calls`, value: growth, unit: "bytes", reach: 0 },
      { metric: "memory of one VM", value: rounded(before / 1024, 1), unit: "KiB" },
      {
        metric: "new VM, compiled, first call, p50",
        value: rounded(median(reloads), 3),
        unit: "ms",
      },
    ],
  };
}

function requestAt(index: number): BenchRequest {
  return requests[index % CLIENTS] ?? new BenchRequest("none");
}

/** Microseconds of processor time, the median of the rounds. */
function perCall(calls: number, call: (request: BenchRequest) => number): number {
  const once = (): number => {
    const start = process.cpuUsage();
    for (let i = 0; i < calls; i++) kept += call(requestAt(i));
    const { user, system } = process.cpuUsage(start);
    return (user + system) / calls;
  };
  once();
  const rounds = Array.from({ length: ROUNDS }, once);
  if (kept === 0) throw new Error("no call answered anything");
  return median(rounds);
}

function plainPolicy(): (request: BenchRequest) => number {
  const split = makeSplit("bench", [
    { name: "a", weight: 90 },
    { name: "b", weight: 10 },
  ]);
  const outcomes = ["a", "b"].map((variant) => ({
    set: { "x-variant": variant },
    remove: ["x-internal"],
  }));
  return (request) => {
    const key = request.header("x-client") ?? request.ip;
    if (services.limiter.spend("plain", key, 1e6, 1e6) !== 0) return 0;
    return outcomes[pick(split, key)] === undefined ? 0 : 1;
  };
}

async function naivePolicy(): Promise<(request: BenchRequest) => number> {
  const split = makeSplit("bench", [
    { name: "a", weight: 90 },
    { name: "b", weight: 10 },
  ]);
  const engine = await naiveEngine();
  let edits: string[] = [];
  engine.global.set(
    "limit",
    (key: string, rate: number, burst: number) =>
      services.limiter.spend("naive", key, rate, burst) === 0,
  );
  engine.global.set("split", () => (key: string) => (pick(split, key) === 0 ? "a" : "b"));
  engine.global.set("deny", () => undefined);
  await engine.doString(POLICY);
  const handler = engine.global.get("on_request") as (request: unknown) => unknown;
  return (request) => {
    edits = [];
    handler({
      ip: request.ip,
      header: (_self: unknown, header: string) => request.header(header),
      set_header: (_self: unknown, header: string, value: string) =>
        edits.push(`${header}: ${value}`),
      remove_header: (_self: unknown, header: string) => edits.push(header),
    });
    return edits.length;
  };
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

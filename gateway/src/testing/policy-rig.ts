/** A script in a VM of its own, and requests to ask it about. */
import type { Clock } from "@bifrost/shared/domain/time";
import { loadLua } from "../lua/lua-instance.ts";
import type { LuaLimits } from "../lua/lua-state.ts";
import { PolicyError } from "../lua/policy-error.ts";
import { type CallMarker, PolicyVm, type PolicyVmOptions } from "../lua/policy-vm.ts";
import { SharedState } from "../lua/shared-state.ts";
import type { Limiter } from "../limits/limiter.ts";
import { TokenBuckets } from "../limits/token-buckets.ts";
import type { PolicyRequest } from "../policies/policy-chain.ts";

export const lua = await loadLua();

export const TEST_LIMITS: LuaLimits = { maxMemoryBytes: 8 * 1024 * 1024, budgetMs: 50 };

export interface OpenOptions {
  readonly config?: PolicyVmOptions["config"];
  readonly limits?: LuaLimits;
  readonly marker?: CallMarker;
  readonly clock?: Clock;
  readonly log?: (line: string) => void;
  readonly limiter?: Limiter;
}

export function openVm(source: string, options: OpenOptions = {}): PolicyVm {
  const clock = options.clock ?? { now: () => 0 };
  const scope = { limits: "test", state: new SharedState() };
  return new PolicyVm(lua, {
    name: "test",
    source,
    config: options.config ?? {},
    services: {
      limiter: options.limiter ?? new TokenBuckets(clock),
      now: () => clock.now(),
      log: options.log ?? (() => undefined),
      marker: options.marker ?? { enter() {}, leave() {} },
    },
    scopeOf: () => scope,
    marked: 1,
    limits: options.limits ?? TEST_LIMITS,
  });
}

export interface RequestFields extends Partial<Omit<PolicyRequest, "header">> {
  readonly headers?: Readonly<Record<string, string>>;
}

export function policyRequest({ headers = {}, ...fields }: RequestFields = {}): PolicyRequest {
  return {
    method: "GET",
    target: "/",
    host: "app.test",
    ip: "10.0.0.1",
    scheme: "http",
    id: "request-1",
    projectId: "project",
    ...fields,
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
  };
}

/** Runs `body` as a handler and answers what it passed to `answer`; throws what the script threw. */
export function evaluate(
  body: string,
  options: OpenOptions = {},
  request = policyRequest(),
): string {
  const vm = openVm(
    `local function answer(...) local t = {...} for i = 1, select("#", ...) do t[i] = tostring(t[i]) end deny(200, table.concat(t, " ")) end
function on_request(req) ${body} end`,
    options,
  );
  try {
    return vm.onRequest(request).answer?.body ?? "";
  } finally {
    vm.close();
  }
}

/** The PolicyError that `task` throws; throws when it throws another one or none. */
export function failureOf(task: () => unknown): PolicyError {
  try {
    task();
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/**
 * The gateway's data plane as a program of its own, over tables given once in place of Firestore and Kubernetes.
 * Takes a JSON object as its argument and lives until SIGTERM.
 */
import { EMPTY_ROUTE_TABLE, type Route } from "@bifrost/shared/domain/route";
import { systemTimers } from "@bifrost/shared/domain/time";
import { startDataPlane } from "../../../../gateway/src/data-plane.ts";
import { loadLua } from "../../../../gateway/src/lua/lua-instance.ts";
import { TokenBuckets } from "../../../../gateway/src/lua/token-buckets.ts";
import { NO_MARKER, PolicyHost } from "../../../../gateway/src/policies/policy-host.ts";
import { DEFAULT_PROXY_LIMITS } from "../../../../gateway/src/proxy/services.ts";
import type { Setting } from "./contender.ts";

const PROJECT = "bench";
const POLICY = "bench-policy";

export interface GatewayArgument extends Pick<Setting, "port" | "upstreams" | "policy"> {
  /** Source of the policy. */
  readonly source: string;
}

const { port, upstreams, policy, source } = JSON.parse(process.argv[2] ?? "{}") as GatewayArgument;

const policies = new PolicyHost({
  lua: await loadLua(),
  timers: systemTimers,
  limiter: new TokenBuckets(systemTimers),
  marker: NO_MARKER,
  log: (line) => void process.stderr.write(`${line.text}\n`),
  onFault: (fault) => void process.stderr.write(`${fault.error.message}\n`),
});
policies.replaceScripts([{ name: POLICY, kind: "request", version: 1, source }]);

const dataPlane = await startDataPlane({
  host: "127.0.0.1",
  port,
  domain: "example.test",
  publicScheme: "http",
  upstreams: { connectTimeoutMs: 2000, idleMs: 4000, perAddress: 512 },
  limits: DEFAULT_PROXY_LIMITS,
  timers: systemTimers,
  chainOf: policies.chainOf,
});
dataPlane.setRoutes({
  ...EMPTY_ROUTE_TABLE,
  routes: new Map([route("app1.example.test", "a", "b"), route("app2.example.test", "b", "a")]),
});
dataPlane.setBackends(
  new Map(
    Object.entries(upstreams).map(([name, address]) => [
      name,
      { projectId: PROJECT, ready: [{ address, replica: name }] },
    ]),
  ),
);
process.once("SIGTERM", () => void dataPlane.stop(0).then(() => process.exit(0)));

/** All goes to `target`, unless a policy chooses `other`. */
function route(host: string, target: string, other: string): [string, Route] {
  const config = { on_responses: policy === "request and response" };
  return [
    host,
    {
      host,
      projectId: PROJECT,
      targets: [
        { deploymentId: target, name: target, weight: 1 },
        { deploymentId: other, name: other, weight: 0 },
      ],
      stickiness: { by: "address" },
      redirect: null,
      paths: [],
      policies: policy === "none" ? [] : [{ policy: POLICY, config }],
    },
  ];
}

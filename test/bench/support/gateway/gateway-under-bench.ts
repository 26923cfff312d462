/**
 * The gateway's parent and its workers as they run in production, over tables given once in place of Firestore and
 * Kubernetes. Takes a JSON object as its argument and lives until SIGTERM.
 */
import { EMPTY_ROUTE_TABLE, type Route } from "@bifrost/shared/domain/route";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { DEFAULT_PROXY_LIMITS } from "../../../../gateway/src/proxy/services.ts";
import { startCluster } from "../../../../gateway/src/workers/cluster.ts";
import { WORKER_ARGUMENTS } from "../../../../gateway/src/workers/worker-arguments.ts";
import type { Setting } from "./contender.ts";

const PROJECT = "bench";
const POLICY = "bench-policy";

export interface GatewayArgument extends Pick<
  Setting,
  "port" | "upstreams" | "policy" | "workers"
> {
  /** Program of a worker. */
  readonly workerScript: string;
  /** Source of the policy. */
  readonly source: string;
  /** File of the access log; null = none. */
  readonly accessLog: string | null;
}

const argument = JSON.parse(process.argv[2] ?? "{}") as GatewayArgument;
const { port, upstreams, policy, source, accessLog } = argument;

const dataPlanes = await startCluster({
  workers: argument.workers,
  program: { script: argument.workerScript, nodeArguments: WORKER_ARGUMENTS },
  settings: {
    host: "127.0.0.1",
    port,
    domain: "example.test",
    publicScheme: "http",
    trustedProxies: [],
    gossip: null,
    upstreams: { connectTimeoutMs: 2000, idleMs: 4000, perAddress: 512 },
    limits: DEFAULT_PROXY_LIMITS,
    accessLog:
      accessLog === null
        ? null
        : { where: accessLog, scheme: "http", cloudProject: PROJECT, logsQuery: true },
  },
  timers: systemTimers,
  log: {
    ...silentLogger,
    error: (event, fields) => complain(`${event} ${JSON.stringify(fields)}`),
  },
  events: {
    onFault: (fault) => complain(fault.message),
    onPolicyLog: (line) => complain(line.text),
  },
});
dataPlanes.update({
  routes: {
    ...EMPTY_ROUTE_TABLE,
    routes: new Map([route("app1.example.test", "a", "b"), route("app2.example.test", "b", "a")]),
  },
  backends: new Map(
    Object.entries(upstreams).map(([name, address]) => [
      name,
      { projectId: PROJECT, ready: [{ address, replica: name }] },
    ]),
  ),
  policies: {
    scripts: [{ name: POLICY, kind: "request", version: 1, source }],
    disabled: new Set(),
  },
});
process.once("SIGTERM", () => void dataPlanes.stop(0).then(() => process.exit(0)));

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

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

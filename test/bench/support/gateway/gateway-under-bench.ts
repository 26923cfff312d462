/**
 * The gateway's data plane as a program of its own, over tables given once in place of Firestore and Kubernetes.
 * Takes a JSON object as its argument and lives until SIGTERM.
 */
import * as v from "valibot";
import { systemTimers } from "@bifrost/shared/domain/time";
import { EMPTY_ROUTE_TABLE, RouteSchema, type Route } from "@bifrost/shared/domain/route";
import { startDataPlane } from "../../../../gateway/src/data-plane.ts";
import { DEFAULT_PROXY_LIMITS } from "../../../../gateway/src/proxy/services.ts";

const PROJECT = "bench";

interface Argument {
  readonly port: number;
  readonly upstreams: Readonly<Record<string, string>>;
}

const { port, upstreams } = JSON.parse(process.argv[2] ?? "{}") as Argument;

const dataPlane = await startDataPlane({
  host: "127.0.0.1",
  port,
  domain: "example.test",
  publicScheme: "http",
  upstreams: { connectTimeoutMs: 2000, idleMs: 4000, perAddress: 512 },
  limits: DEFAULT_PROXY_LIMITS,
  timers: systemTimers,
  chainOf: () => null,
});

const names = Object.keys(upstreams);
dataPlane.setRoutes({
  ...EMPTY_ROUTE_TABLE,
  routes: new Map(
    names.map((name, index): [string, Route] => {
      const host = `app${index + 1}.example.test`;
      const targets = [
        { deploymentId: `dpl-${name}`, weight: 1, name },
        ...names
          .filter((other) => other !== name)
          .map((other) => ({ deploymentId: `dpl-${other}`, weight: 0, name: other })),
      ];
      return [host, v.parse(RouteSchema, { host, projectId: PROJECT, targets })];
    }),
  ),
});
dataPlane.setBackends(
  new Map(
    Object.entries(upstreams).map(([name, address]) => [
      `dpl-${name}`,
      { projectId: PROJECT, ready: [{ address, replica: name }] },
    ]),
  ),
);
process.once("SIGTERM", () => void dataPlane.stop(0).then(() => process.exit(0)));

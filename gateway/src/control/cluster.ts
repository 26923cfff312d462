/** For operators: how the cluster of this gateway is, and its keys. */
import { Hono } from "hono";
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";
import type { GatewayCluster } from "../cluster/gateway-cluster.ts";
import { holderOf } from "./bearer.ts";

export interface ClusterRoutes {
  /** null = this gateway runs alone. */
  readonly cluster: Pick<GatewayCluster, "status"> | null;
  readonly token: string | null;
}

/** Open to everyone but for its details: a balancer or a monitor may ask without a token. */
export function clusterStatusRoutes({ cluster, token }: ClusterRoutes): Hono {
  const app = new Hono();
  const isHolder = holderOf(token);
  app.get("/cluster/status", async (c) => {
    const { details, ...status } = await clusterOf(cluster).status();
    return c.json(isHolder(c) ? { ...status, details } : status);
  });
  return app;
}

const idSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));

const KeyStepSchema = v.variant("step", [
  v.strictObject({
    step: v.literal("install"),
    id: idSchema,
    /** 32 bytes. */
    key: v.pipe(v.string(), v.base64(), v.length(44)),
  }),
  v.strictObject({ step: v.picklist(["use", "remove"]), id: idSchema }),
]);

export function clusterKeyRoutes(cluster: Pick<GatewayCluster, "rotateKey"> | null): Hono {
  const app = new Hono();
  app.post("/cluster/keys", async (c) => {
    const body = v.safeParse(KeyStepSchema, await c.req.json().catch(() => null));
    if (!body.success) {
      const [{ message }] = body.issues;
      throw new BifrostError(
        "bad-request",
        `The body must be {"step": "install", "id": 0 to 255, "key": base64 of 32 bytes} or {"step": "use" | "remove", "id": 0 to 255}: ${message}.`,
      );
    }
    const key = body.output.step === "install" ? body.output.key : null;
    await clusterOf(cluster).rotateKey({ ...body.output, key });
    return c.json({ done: body.output.step, id: body.output.id });
  });
  return app;
}

function clusterOf<Cluster>(cluster: Cluster | null): Cluster {
  if (cluster !== null) return cluster;
  throw new BifrostError(
    "not-found",
    "This gateway runs alone: BIFROST_CONFIG names no file, or the file's cluster_config is not enabled.",
  );
}

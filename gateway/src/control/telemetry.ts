/** Where sidecars report: POST /v1/telemetry/{deploymentId}, NDJSON, answered by 204 without a body. */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { MAX_REPORT_BYTES } from "@bifrost/shared/domain/telemetry";
import { isTelemetryToken } from "@bifrost/shared/domain/telemetry-token";
import type { Collector } from "../telemetry/collector.ts";
import { parseReport } from "../telemetry/report.ts";
import { problemResponse } from "./problem.ts";

export function telemetryRoutes(collector: Collector, secret: string): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    const [scheme, token = ""] = (c.req.header("authorization") ?? "").split(" ");
    const deploymentId = c.req.path.slice(c.req.path.lastIndexOf("/") + 1);
    if (scheme !== "Bearer" || !isTelemetryToken(secret, deploymentId, token)) {
      throw new BifrostError("unauthenticated", "The token is not the one of this deployment.");
    }
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: MAX_REPORT_BYTES,
      onError: () =>
        problemResponse(
          new BifrostError("body-too-large", `A report is at most ${MAX_REPORT_BYTES} bytes.`),
        ),
    }),
  );
  app.post("/:deploymentId", async (c) => {
    const deploymentId = c.req.param("deploymentId");
    collector.take(deploymentId, parseReport(await c.req.text(), deploymentId));
    return c.body(null, 204);
  });
  return app;
}

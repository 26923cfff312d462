/** Where sidecars report: POST /v1/telemetry/{deploymentId}, NDJSON, answered by 204 without a body. */
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { MAX_REPORT_BYTES } from "@bifrost/shared/domain/telemetry";
import type { Authenticate } from "../telemetry/authenticate.ts";
import type { Collector } from "../telemetry/collector.ts";
import { parseReport } from "../telemetry/report.ts";
import { problemResponse } from "./problem.ts";

export function telemetryRoutes(collector: Collector, authenticate: Authenticate): Hono {
  const app = new Hono();
  app.onError((error, c) => refusal(c, error));
  // Whatever can be refused without the body is refused before it is read.
  app.use(async (c, next) => {
    const deploymentId = c.req.path.slice(c.req.path.lastIndexOf("/") + 1);
    authenticate(deploymentId, c.req.header("authorization") ?? "");
    collector.assertRoom(deploymentId);
    await next();
  });
  app.use(bodyLimit({ maxSize: MAX_REPORT_BYTES, onError: (c) => refusal(c, TOO_LARGE) }));
  app.post("/:deploymentId", async (c) => {
    collector.take(c.req.param("deploymentId"), parseReport(await c.req.text()));
    return c.body(null, 204);
  });
  return app;
}

const TOO_LARGE = new BifrostError(
  "body-too-large",
  `A report is at most ${MAX_REPORT_BYTES} bytes.`,
);

function refusal(c: Context, error: Error): Response {
  const response = problemResponse(error);
  if (error instanceof BifrostError) {
    const seconds = error.facts["retryAfterSeconds"];
    if (typeof seconds === "number") response.headers.set("retry-after", String(seconds));
  }
  // What is left of a long or endless body is not waited for.
  if (!isShort(c)) response.headers.set("connection", "close");
  return response;
}

function isShort(c: Context): boolean {
  return Number(c.req.header("content-length") ?? Number.NaN) <= MAX_REPORT_BYTES;
}

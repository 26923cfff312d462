/** `Idempotency-Key`: a repeated POST answers what the first one answered (draft-ietf-httpapi-idempotency-key-header). */
import { createHash } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { IdempotencyLog } from "@bifrost/shared/ports/delivery-log";
import { createMiddleware } from "hono/factory";
import { readBytes } from "../read-body.ts";
import type { ApiVariables } from "./authenticate.ts";

const MAX_KEY_LENGTH = 200;
/** No POST of the API takes more. */
const MAX_BODY_BYTES = 512 * 1024;

export function idempotent(log: IdempotencyLog) {
  return createMiddleware<{ Variables: ApiVariables }>(async (context, next) => {
    const header = context.req.header("idempotency-key");
    if (context.req.method !== "POST" || header === undefined) return next();
    if (header === "" || header.length > MAX_KEY_LENGTH) {
      throw new BifrostError(
        "bad-request",
        `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters`,
      );
    }
    const key = `${context.get("person").uid}:${header}`;
    const fingerprint = createHash("sha256")
      .update(`${context.req.path}\n`)
      .update(await readBytes(context.req.raw.clone(), MAX_BODY_BYTES))
      .digest("hex");
    const known = await log.find(key);
    if (known !== null) {
      if (known.fingerprint !== fingerprint) {
        throw new BifrostError(
          "idempotency-mismatch",
          "this Idempotency-Key was used with another request",
        );
      }
      return new Response(known.body, {
        status: known.status,
        headers: { "content-type": "application/json", "idempotent-replayed": "true" },
      });
    }
    await next();
    // Only what succeeded is remembered: a refused request may be corrected and sent again.
    if (!context.res.ok) return undefined;
    const body = await context.res.clone().text();
    await log.record(key, { fingerprint, status: context.res.status, body });
    return undefined;
  });
}

/** Who may ask the control API more than whether it is well: the holder of one token. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { BifrostError } from "@bifrost/shared/domain/errors";

/** Throws `unauthenticated` for everyone without the token; with null, for everyone. */
export function requireBearer(token: string | null): MiddlewareHandler {
  const isHolder = holderOf(token);
  return async (c, next) => {
    if (!isHolder(c)) throw refusal(token === null);
    await next();
  };
}

/** Whether a request carries the token; with null, none does. */
export function holderOf(token: string | null): (c: Context) => boolean {
  const wanted = token === null ? null : digest(`Bearer ${token}`);
  return (c) => {
    const given = digest(c.req.header("authorization") ?? "");
    return wanted !== null && timingSafeEqual(given, wanted);
  };
}

/** Digests have one length, so that comparing them takes one time. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function refusal(isClosed: boolean): BifrostError {
  const detail = isClosed
    ? "This address is closed: the gateway was started without BIFROST_CONTROL_TOKEN."
    : "This address needs `Authorization: Bearer <token>` with the gateway's BIFROST_CONTROL_TOKEN.";
  return new BifrostError("unauthenticated", detail);
}

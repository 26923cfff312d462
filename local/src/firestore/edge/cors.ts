/** Browsers may call from pages served by this machine, and from nowhere else. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isLocalOrigin } from "../../serving/local-origin.ts";
import { RpcError } from "../rpc-error.ts";

/** Chromium remembers the answer to a preflight for at most two hours. */
const MAX_AGE_SECONDS = 7200;
/** The WebChannel client looks for these; browsers complain about headers that a page may not see. */
const EXPOSED = "x-client-wire-protocol, x-http-initial-response, x-http-session-id";

/**
 * Sets the CORS headers for a local origin; true when the request was a preflight and is answered.
 * Throws PERMISSION_DENIED for any other origin: a page of another site may neither read nor cause anything here.
 */
export function allowOrigin(request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  response.setHeader("vary", "Origin");
  if (origin === undefined) return false;
  if (!isLocalOrigin(origin)) {
    throw new RpcError(
      "PERMISSION_DENIED",
      `Pages from ${origin.slice(0, 200)} may not call; pages from localhost, *.localhost and 127.0.0.1 may.`,
    );
  }
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-allow-credentials", "true");
  if (request.method !== "OPTIONS") {
    response.setHeader("access-control-expose-headers", EXPOSED);
    return false;
  }
  response.setHeader("access-control-allow-methods", "DELETE,GET,HEAD,PATCH,POST");
  response.setHeader(
    "access-control-allow-headers",
    request.headers["access-control-request-headers"] ?? "authorization, content-type",
  );
  response.setHeader("access-control-max-age", MAX_AGE_SECONDS);
  response.writeHead(204).end();
  return true;
}

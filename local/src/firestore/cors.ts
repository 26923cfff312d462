/** Browsers may call from pages served by this machine, and from nowhere else. */
import type { IncomingMessage, ServerResponse } from "node:http";

const LOCAL_HOST = /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Sets the CORS headers for a local origin; true when the request was a preflight and is answered. */
export function allowOrigin(request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (origin !== undefined && isLocal(origin)) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("vary", "Origin");
  }
  if (request.method !== "OPTIONS") return false;
  response.setHeader("access-control-allow-methods", "DELETE,GET,HEAD,PATCH,POST");
  response.setHeader(
    "access-control-allow-headers",
    request.headers["access-control-request-headers"] ?? "authorization, content-type",
  );
  response.writeHead(204).end();
  return true;
}

function isLocal(origin: string): boolean {
  try {
    return LOCAL_HOST.test(new URL(origin).hostname);
  } catch {
    return false;
  }
}

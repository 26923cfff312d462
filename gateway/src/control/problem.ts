/** problem+json for the control API (RFC 9457). */
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";

export function problemResponse(error: unknown): Response {
  const known =
    error instanceof BifrostError ? error : new BifrostError("internal", messageOf(error));
  const detail =
    known.code === "internal" ? "A defect of the gateway; its log says more." : known.message;
  const body = JSON.stringify({
    type: "about:blank",
    code: known.code,
    title: known.code,
    status: known.status,
    detail,
    ...known.facts,
  });
  return new Response(body, {
    status: known.status,
    headers: { "content-type": "application/problem+json" },
  });
}

/** The bearer token with which the replicas of one project call AI providers through the gateway. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** `<project id>.<hex HMAC-SHA256 over it>`; the words before the id keep it apart from what else the secret signs. */
export function providerToken(secret: string, projectId: string): string {
  return `${projectId}.${signature(secret, projectId)}`;
}

/** The project that a token was made for, or null when it was not made with this secret. */
export function projectOfToken(secret: string, presented: string): string | null {
  const dot = presented.lastIndexOf(".");
  if (dot < 1 || presented.length > 256) return null;
  const projectId = presented.slice(0, dot);
  const expected = Buffer.from(signature(secret, projectId));
  const given = Buffer.from(presented.slice(dot + 1));
  return given.length === expected.length && timingSafeEqual(given, expected) ? projectId : null;
}

function signature(secret: string, projectId: string): string {
  return createHmac("sha256", secret).update(`provider-call\0${projectId}`).digest("hex");
}

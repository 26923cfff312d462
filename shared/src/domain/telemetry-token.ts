/** The bearer token with which the sidecars of one deployment report, and of no other. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Hex HMAC-SHA256 of the deployment id under the platform's telemetry secret. */
export function telemetryToken(secret: string, deploymentId: string): string {
  return createHmac("sha256", secret).update(deploymentId).digest("hex");
}

/** Takes the same time whatever `presented` holds. */
export function isTelemetryToken(secret: string, deploymentId: string, presented: string): boolean {
  const expected = Buffer.from(telemetryToken(secret, deploymentId));
  const given = Buffer.from(presented);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

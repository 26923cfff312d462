/** Who may report: each deployment's sidecars, with the token that was made for it. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import { isTelemetryToken } from "@bifrost/shared/domain/telemetry-token";

/** Throws `unauthenticated` unless the header `authorization` carries the token of this deployment. */
export type Authenticate = (deploymentId: string, authorization: string) => void;

/** Longest deployment id that a token is made for. */
const MAX_ID = 128;

/** `onRefused` counts. */
export function authenticateWith(secret: string, onRefused: () => void): Authenticate {
  return (deploymentId, authorization) => {
    const [scheme, token = ""] = authorization.split(" ", 2);
    const isNamed = deploymentId !== "" && deploymentId.length <= MAX_ID;
    if (isNamed && scheme === "Bearer" && isTelemetryToken(secret, deploymentId, token)) return;
    onRefused();
    throw new BifrostError("unauthenticated", "The token is not the one of this deployment.");
  };
}

import type { V1Secret } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { objectMetadata, objectNames } from "./names.ts";
import { TOKEN_KEY } from "./sidecar-container.ts";

/** What the sidecar shows to the collector; the app container gets no reference to it. */
export function telemetrySecret(input: ManifestInput): V1Secret {
  const token = Buffer.from(input.telemetryToken, "utf8").toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: objectMetadata(input, objectNames(input).telemetry),
    type: "Opaque",
    data: { [TOKEN_KEY]: token },
  };
}

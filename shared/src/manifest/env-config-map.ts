import type { V1ConfigMap } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { objectMetadata, objectNames } from "./names.ts";

/** `[env]` of deploy.toml; immutable, because a change of it is another deployment. */
export function envConfigMap(input: ManifestInput): V1ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: objectMetadata(input, objectNames(input).env),
    immutable: true,
    data: { ...input.config.env },
  };
}

import { createHash } from "node:crypto";
import type { KubernetesObject } from "@kubernetes/client-node";
import { stableJson } from "../app-config/stable-json.ts";

/**
 * SHA-256, in hex, of the objects in their order. The values of Secrets are left out: the hash is
 * shown to people, and a rotated token is not another manifest.
 */
export function manifestsHash(objects: readonly KubernetesObject[]): string {
  const text = stableJson(objects.map(withoutSecretValues));
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function withoutSecretValues(object: KubernetesObject & { data?: object }): KubernetesObject {
  if (object.kind !== "Secret") return object;
  return Object.assign({}, object, { data: Object.keys(object.data ?? {}) });
}

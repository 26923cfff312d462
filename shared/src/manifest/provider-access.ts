/** How an app reaches AI providers: the gateway's address, and a token in place of the providers' keys, which it never sees. */
import type { V1EnvVar, V1Secret } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { objectMetadata, objectNames } from "./names.ts";

const TOKEN_KEY = "token";

/** Nothing where the platform has no providers. */
export function providerEnvironment(input: ManifestInput): V1EnvVar[] {
  const { providersUrl } = input.platform;
  if (providersUrl === undefined) return [];
  const secretKeyRef = { name: objectNames(input).providers, key: TOKEN_KEY };
  return [
    { name: "BIFROST_AI_URL", value: providersUrl },
    { name: "BIFROST_AI_TOKEN", valueFrom: { secretKeyRef } },
  ];
}

export function providerSecrets(input: ManifestInput): V1Secret[] {
  if (input.platform.providersUrl === undefined) return [];
  const token = Buffer.from(input.providerToken, "utf8").toString("base64");
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: objectMetadata(input, objectNames(input).providers),
      type: "Opaque",
      data: { [TOKEN_KEY]: token },
    },
  ];
}

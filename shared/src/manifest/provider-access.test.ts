import type { KubernetesObject, V1Deployment, V1Secret } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { checkReferences } from "./check-references.ts";
import { configOf, DOCKER_TOML, inputFor } from "./manifest-fixtures.ts";
import { renderManifests } from "./manifests.ts";

function objectsWith(providersUrl?: string): KubernetesObject[] {
  const input = inputFor(configOf(DOCKER_TOML));
  const platform =
    providersUrl === undefined ? input.platform : { ...input.platform, providersUrl };
  return renderManifests({ ...input, platform });
}

function appEnvironment(objects: readonly KubernetesObject[]) {
  const deployment = objects.find(({ kind }) => kind === "Deployment") as V1Deployment;
  return deployment.spec?.template.spec?.containers[0]?.env ?? [];
}

test("an app is told where it calls AI providers, and gets its token from a secret of its own", () => {
  const objects = objectsWith("http://gateway.bifrost.svc:8090");
  const env = appEnvironment(objects);
  expect(env).toContainEqual({ name: "BIFROST_AI_URL", value: "http://gateway.bifrost.svc:8090" });
  const reference = env.find(({ name }) => name === "BIFROST_AI_TOKEN")?.valueFrom?.secretKeyRef;
  const secrets = objects.filter(({ kind }) => kind === "Secret") as V1Secret[];
  const secret = secrets.find(({ metadata }) => metadata?.name === reference?.name);
  const token = secret?.data?.[reference?.key ?? ""] ?? "";
  expect(Buffer.from(token, "base64").toString()).toBe("a-provider-token");
  expect(checkReferences(objects)).toEqual([]);
});

test("where the platform has no providers, nothing of them is rendered", () => {
  expect(JSON.stringify(objectsWith())).not.toMatch(/BIFROST_AI|-providers/);
});

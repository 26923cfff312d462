/** Inputs for tests of manifests: every runtime, with each field at a value of its own. */
import type { WorkloadConfig } from "../app-config/app-config.ts";
import { parseAppConfig } from "../app-config/parse.ts";
import type { ManifestInput } from "./manifest-input.ts";

export const DIGEST = `sha256:${"ab".repeat(32)}`;

export function configOf(toml: string): WorkloadConfig {
  const result = parseAppConfig(toml);
  if (result.ok && result.config.runtime !== "static") return result.config;
  if (result.ok) throw new Error("a static site has no manifests");
  throw new Error(result.diagnostics.map(({ message }) => message).join("\n"));
}

export const GO_TOML = `
[app]
name = "shop"
runtime = "go"
port = 9000
root = "services/shop"
[build]
command = "go build -trimpath -o shop ./cmd/shop"
output = "dist"
[run]
command = "./shop --fast"
[scaling]
min_replicas = 2
max_replicas = 7
cpu_target = 65
[health]
success_threshold = 4
failure_threshold = 5
path = "/ready"
interval = "20s"
timeout = "1500ms"
watch = "3m"
[resources]
cpu = "300m"
memory = "192Mi"
[env]
LOG_LEVEL = "debug"
`;

export const DOCKER_TOML = `
[app]
name = "boxed"
runtime = "docker"
[build]
dockerfile = "deploy/Dockerfile"
`;

export function inputFor(config: WorkloadConfig): ManifestInput {
  return {
    config,
    deploymentId: "dk3v9x1m2p8q",
    projectId: "pq81zz04tb7w",
    projectSlug: "shop",
    number: 12,
    commitSha: "c0ffee".repeat(6) + "c0ff",
    imageReference: `registry.example/team/shop@${DIGEST}`,
    telemetryToken: "a-telemetry-token",
    providerToken: "a-provider-token",
    platform: {
      namespacePrefix: "app-",
      sidecarImage: `registry.example/bifrost/sidecar@${DIGEST}`,
      collectorHost: "collector.bifrost.svc",
      collectorPort: 4600,
    },
  };
}

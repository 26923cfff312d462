/** deploy.toml values that no Kubernetes field carries as written stay readable on the object. */
import type { WorkloadConfig } from "../app-config/app-config.ts";
import type { ManifestInput } from "./manifest-input.ts";
import { ANNOTATION_PREFIX } from "./names.ts";

export function deploymentAnnotations(input: ManifestInput): Record<string, string> {
  const { config } = input;
  const values: Record<string, string | number | boolean | null> = {
    number: input.number,
    commit: input.commitSha,
    "app.name": config.app.name,
    "app.root": config.app.root,
    "health.interval": config.health.interval.text,
    "health.timeout": config.health.timeout.text,
    "health.watch": config.health.watch.text,
    "health.rollback": config.health.rollback,
    ...valuesOfRuntime(config),
  };
  const present = Object.entries(values).filter(([, value]) => value !== null);
  return Object.fromEntries(
    present.map(([key, value]) => [`${ANNOTATION_PREFIX}${key}`, String(value)]),
  );
}

function valuesOfRuntime(config: WorkloadConfig): Record<string, string | boolean | null> {
  if (config.runtime === "docker") {
    return { "build.dockerfile": config.build.dockerfile, "run.command": config.run.command };
  }
  const built = { "build.command": config.build.command, "build.output": config.build.output };
  return { ...built, "run.command": config.run.command };
}

/** The Kubernetes objects of a deployment, rendered from what is stored with it and nothing else. */
import { createHmac } from "node:crypto";
import { parseCanonicalConfig } from "@bifrost/shared/app-config/canonical";
import type { AppConfig } from "@bifrost/shared/app-config/app-config";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Project } from "@bifrost/shared/domain/project";
import {
  parsePlatformSettings,
  type PlatformSettings,
} from "@bifrost/shared/manifest/platform-settings";
import type { Note } from "@bifrost/shared/ports/deployment-store";
import type { Workload } from "@bifrost/shared/ports/cluster";

export interface Snapshot {
  readonly config: AppConfig;
  readonly settings: PlatformSettings;
}

export function readSnapshot(note: Note | undefined): Snapshot {
  if (note === undefined)
    throw new BifrostError("not-ready", "the deployment has no config snapshot");
  return {
    config: parseCanonicalConfig(String(note["config"])),
    settings: parsePlatformSettings(note["settings"]),
  };
}

/** What a sidecar shows to the collector: derived, so that neither side has to store it. */
export function telemetryToken(secret: string, deploymentId: string): string {
  return createHmac("sha256", secret).update(deploymentId).digest("hex");
}

export function workloadOf(
  deployment: Deployment,
  project: Project,
  settings: PlatformSettings,
): Workload {
  return { deploymentId: deployment.id, namespace: `${settings.namespacePrefix}${project.slug}` };
}

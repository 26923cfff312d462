/** The Kubernetes objects of a deployment, rendered from what is stored with it and nothing else. */
import { parseCanonicalConfig } from "@bifrost/shared/app-config/canonical";
import type { AppConfig } from "@bifrost/shared/app-config/app-config";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Project } from "@bifrost/shared/domain/project";
import { namespaceName } from "@bifrost/shared/manifest/names";
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

export function workloadOf(
  deployment: Deployment,
  project: Project,
  settings: PlatformSettings,
): Workload {
  return {
    deploymentId: deployment.id,
    namespace: namespaceName(settings.namespacePrefix, project.slug),
  };
}

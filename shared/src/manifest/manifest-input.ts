/** Everything a manifest is made from; nothing else may influence it. */
import type { WorkloadConfig } from "../app-config/app-config.ts";
import { BifrostError } from "../domain/errors.ts";
import type { PlatformSettings } from "./platform-settings.ts";

export interface ManifestInput {
  readonly config: WorkloadConfig;
  readonly deploymentId: string;
  readonly projectId: string;
  /** First label of the project's host; also names its namespace. */
  readonly projectSlug: string;
  /** The deployment's number within its project. */
  readonly number: number;
  readonly commitSha: string;
  /** `registry/path@sha256:…`; a tag could change its meaning. */
  readonly imageReference: string;
  /** What the sidecars of this deployment show to the collector. */
  readonly telemetryToken: string;
  /** What the app shows to the gateway when it calls an AI provider; used when the settings name a `providersUrl`. */
  readonly providerToken: string;
  readonly platform: PlatformSettings;
}

const DIGEST_REFERENCE = /^[^\s@]+@sha256:[0-9a-f]{64}$/;
const LABEL_VALUE = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const SLUG = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

export function isDigestReference(image: string): boolean {
  return DIGEST_REFERENCE.test(image);
}

/** Throws `manifest-invalid` for what would give objects that Kubernetes refuses or that are not reproducible. */
export function assertRenderable(input: ManifestInput): void {
  refuseUnless(
    isDigestReference(input.imageReference),
    "the image reference has no sha256 digest; build the image again",
    { imageReference: input.imageReference },
  );
  for (const [name, id] of [
    ["deploymentId", input.deploymentId],
    ["projectId", input.projectId],
  ] as const) {
    const message = `${name} cannot be a Kubernetes label value of at most 40 characters`;
    refuseUnless(LABEL_VALUE.test(id) && id.length <= 40, message, { [name]: id });
  }
  refuseUnless(
    SLUG.test(input.projectSlug),
    "the project's slug is not a DNS label of at most 40 characters",
    { projectSlug: input.projectSlug },
  );
}

function refuseUnless(holds: boolean, message: string, facts: Record<string, string>): void {
  if (!holds) throw new BifrostError("manifest-invalid", message, facts);
}

/** The files of a static site in the bucket. */
import { createHash } from "node:crypto";
import type { StaticConfig } from "@bifrost/shared/app-config/app-config";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Ports } from "../ports.ts";
import { placeOf, publishSite } from "../publish-site/publish-site.ts";
import { removeSite } from "../publish-site/remove-site.ts";
import type { DeployPlan } from "./deploy-plan.ts";

export function planSite(
  ports: Pick<Ports, "objects" | "sites" | "imageFiles" | "config" | "log">,
  deployment: Deployment,
  config: StaticConfig,
): DeployPlan {
  const { imageDigest } = deployment;
  if (imageDigest === null) throw new BifrostError("not-ready", "the deployment has no image yet");
  // Everything that is published follows from these two.
  const source = JSON.stringify([imageDigest, config.static.spa]);
  return {
    hash: createHash("sha256").update(source).digest("hex"),
    putUp: () => publishSite(ports, deployment, config),
    takeDown: () => removeSite(ports, placeOf(deployment)),
  };
}

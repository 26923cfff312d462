/** Git, sources, images and the builds between them: from a pushed commit to a stored image. */
import path from "node:path";
import { startArtifactRegistry } from "../artifact-registry/index.ts";
import { startCloudBuild } from "../cloud-build/index.ts";
import { startGitHost } from "../git-host/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { startStorage } from "../storage/index.ts";
import { authorizeGit, authorizeRegistry } from "./access.ts";
import {
  addressOf,
  type AssemblyContext,
  functionUrl,
  PROJECT_ID,
  POLICY_BUCKET,
  SITE_BUCKET,
  SOURCE_BUCKET,
  standInOptions,
} from "./context.ts";
import { describePush } from "./describe-push.ts";
import { downloadSource } from "./download-source.ts";
import { GITHUB_APP_ID } from "./environment.ts";
import type { Messages } from "./messages.ts";
import { stepImages } from "./step-images.ts";
import type { Keep, Trust } from "./trust.ts";

export async function startBuilds(
  context: AssemblyContext,
  parts: Pick<Messages, "pubsub" | "logging"> & Pick<Trust, "iam"> & { readonly sandbox: Sandbox },
  keep: Keep,
): Promise<{ readonly products: readonly RunningStandIn[] }> {
  const { pubsub, logging, sandbox } = parts;
  const storage = keep(await startStorage(standInOptions(context, "storage")));
  for (const bucket of [SOURCE_BUCKET, POLICY_BUCKET, SITE_BUCKET]) {
    await storage.ensureBucket(bucket);
  }
  const registry = keep(
    await startArtifactRegistry({
      ...standInOptions(context, "registry"),
      projectId: PROJECT_ID,
      authorize: authorizeRegistry(context.secrets, parts.iam),
    }),
  );
  const cloudBuild = keep(
    await startCloudBuild({
      ...standInOptions(context, "cloudBuild"),
      projectId: PROJECT_ID,
      sandbox,
      fetchSource: (source) => downloadSource(addressOf(context, "storage"), source),
      stepImages: stepImages(context),
      writeLog: (entries) => logging.write(entries),
      publishNotice: async (topic, build, attributes) => {
        await pubsub.publish(topic, [{ data: JSON.stringify(build), attributes }]);
      },
      cacheDir: path.join(context.config.home, "build-cache"),
    }),
  );
  const git = keep(await startGit(context));
  return { products: [storage, registry, cloudBuild, git] };
}

function startGit(context: AssemblyContext) {
  return startGitHost({
    ...standInOptions(context, "git"),
    authorizeGit: authorizeGit(context.secrets),
    webhook: {
      url: functionUrl(context, "github-webhook"),
      secret: context.secrets.githubWebhookSecret,
    },
    appId: GITHUB_APP_ID,
    appPublicKeyPem: context.secrets.githubPublicKey,
    describePush,
  });
}

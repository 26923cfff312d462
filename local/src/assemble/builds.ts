/** Storage, messages, logs, registry, git and builds: from a pushed commit to a stored image. */
import { startArtifactRegistry } from "../artifact-registry/index.ts";
import { startCloudBuild } from "../cloud-build/index.ts";
import { compileRules } from "../firestore/rules/compile.ts";
import { type RunningFirestore, startFirestore } from "../firestore/index.ts";
import { startGitHost } from "../git-host/index.ts";
import { type RunningLogging, startLogging } from "../logging/index.ts";
import { startPubSub } from "../pubsub/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { startStorage } from "../storage/index.ts";
import { authorizeGit, authorizeRegistry } from "./access.ts";
import {
  addressOf,
  type AssemblyContext,
  functionUrl,
  PROJECT_ID,
  SOURCE_BUCKET,
  standInOptions,
} from "./context.ts";
import { describePush } from "./describe-push.ts";
import { downloadSource } from "./download-source.ts";
import { GITHUB_APP_ID } from "./environment.ts";
import { seed } from "./seed.ts";
import { stepImages } from "./step-images.ts";
import { subscriptions, TOPICS } from "./topology.ts";
import type { Keep, Trust } from "./trust.ts";

export interface Builds {
  readonly firestore: RunningFirestore;
  readonly logging: RunningLogging;
  readonly products: readonly RunningStandIn[];
}

export async function startBuilds(
  context: AssemblyContext,
  parts: Trust & { readonly sandbox: Sandbox; readonly rules: string },
  keep: Keep,
): Promise<Builds> {
  const { iam, identity, sandbox } = parts;
  const firestore = keep(
    await startFirestore({
      ...standInOptions(context, "firestore"),
      projectId: PROJECT_ID,
      rules: compileRules(parts.rules),
      verifyIdToken: (token) => identity.verifyIdToken(token),
      ownerToken: context.secrets.firestoreOwnerToken,
    }),
  );
  await seed(context);
  const pubsub = keep(
    await startPubSub({
      ...standInOptions(context, "pubsub"),
      projectId: PROJECT_ID,
      idToken: (account, audience) => iam.idToken(account, audience),
    }),
  );
  for (const topic of TOPICS) await pubsub.ensureTopic(topic);
  for (const subscription of subscriptions(context)) await pubsub.ensureSubscription(subscription);
  const logging = keep(
    await startLogging({
      ...standInOptions(context, "logging"),
      projectId: PROJECT_ID,
      sinks: [
        {
          name: "deployment-logs",
          filter: { resourceTypes: ["build", "k8s_container"] },
          topic: `projects/${PROJECT_ID}/topics/log-entries`,
        },
      ],
      publish: (topic, messages) => pubsub.publish(topic, messages),
    }),
  );
  const storage = keep(await startStorage(standInOptions(context, "storage")));
  await storage.ensureBucket(SOURCE_BUCKET);
  const registry = keep(
    await startArtifactRegistry({
      ...standInOptions(context, "registry"),
      projectId: PROJECT_ID,
      authorize: authorizeRegistry(context.secrets),
    }),
  );
  const git = keep(
    await startGitHost({
      ...standInOptions(context, "git"),
      authorizeGit: authorizeGit(context.secrets),
      webhook: {
        url: functionUrl(context, "github-webhook"),
        secret: context.secrets.githubWebhookSecret,
      },
      appId: GITHUB_APP_ID,
      appPublicKeyPem: context.secrets.githubPublicKey,
      describePush,
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
      cacheDir: `${context.config.home}/build-cache`,
    }),
  );
  return {
    firestore,
    logging,
    products: [firestore, pubsub, logging, storage, registry, git, cloudBuild],
  };
}

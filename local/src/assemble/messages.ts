/** The store, its messages and its logs: what everything else writes to. */
import { type RunningFirestore, startFirestore } from "../firestore/index.ts";
import { parseIndexFile } from "../firestore/indexes/index-file.ts";
import { compileRules } from "../firestore/rules/compile.ts";
import { RulesSyntaxError } from "../firestore/rules/rules-syntax-error.ts";
import type { Rules } from "../firestore/rules/rules.ts";
import { type RunningLogging, startLogging } from "../logging/index.ts";
import { type RunningPubSub, startPubSub } from "../pubsub/index.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { type AssemblyContext, PROJECT_ID, standInOptions } from "./context.ts";
import { seed } from "./seed.ts";
import { subscriptions, TOPICS } from "./topology.ts";
import type { Keep, Trust } from "./trust.ts";

export interface Messages {
  readonly firestore: RunningFirestore;
  readonly pubsub: RunningPubSub;
  readonly logging: RunningLogging;
  readonly products: readonly RunningStandIn[];
}

/** The texts of what a deployment would upload: anything in them that is not understood stops the start. */
export interface DatabaseFiles {
  /** firestore.rules */
  readonly rules: string;
  /** firestore.indexes.json */
  readonly indexes: string;
}

/** The engine sees a text and tells line and column; which file it was is known here. */
function rulesOf({ rules }: DatabaseFiles): Rules {
  try {
    return compileRules(rules);
  } catch (error) {
    if (!(error instanceof RulesSyntaxError)) throw error;
    throw new Error(`firestore.rules, ${error.message}`, { cause: error });
  }
}

export async function startMessages(
  context: AssemblyContext,
  trust: Trust,
  files: DatabaseFiles,
  keep: Keep,
): Promise<Messages> {
  const firestore = keep(
    await startFirestore({
      ...standInOptions(context, "firestore"),
      projectId: PROJECT_ID,
      rules: rulesOf(files),
      indexes: parseIndexFile(files.indexes),
      verifyIdToken: (token) => trust.identity.verifyIdToken(token),
      ownerToken: context.secrets.firestoreOwnerToken,
      // Eventarc reads the log: see control-plane.ts.
      awaitsReader: true,
    }),
  );
  await seed(context);
  const pubsub = keep(
    await startPubSub({
      ...standInOptions(context, "pubsub"),
      projectId: PROJECT_ID,
      idToken: (account, audience) => trust.iam.idToken(account, audience),
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
  return { firestore, pubsub, logging, products: [firestore, pubsub, logging] };
}

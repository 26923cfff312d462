/** Firestore with its triggers, workflows and the clock: what moves deployments along. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { startEventarc } from "../eventarc/index.ts";
import type { RunningFirestore } from "../firestore/index.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { startScheduler } from "../scheduler/index.ts";
import { startWorkflows } from "../workflows/index.ts";
import {
  accountEmail,
  addressOf,
  type AssemblyContext,
  PROJECT_ID,
  REGION,
  standInOptions,
} from "./context.ts";
import { documentTriggers, scheduledJobs } from "./topology.ts";
import type { Keep, Trust } from "./trust.ts";

const WORKFLOWS = ["deployment", "retry", "cancel"];

export interface ControlPlane {
  readonly products: readonly Pick<RunningStandIn, "product" | "info">[];
  /** Goes on with what was under way and looks for what was left: called once everything it reaches answers. */
  begin(): void;
}

export async function startControlPlane(
  context: AssemblyContext,
  parts: Trust & { readonly firestore: RunningFirestore },
  keep: Keep,
): Promise<ControlPlane> {
  const { iam, firestore } = parts;
  const definitions = Object.fromEntries(
    WORKFLOWS.map((name) => [
      name,
      {
        source: readFileSync(path.join(context.root, "workflows", `${name}.yaml`), "utf8"),
        serviceAccount: accountEmail("workflows"),
      },
    ]),
  );
  const workflows = keep(
    await startWorkflows({
      ...standInOptions(context, "workflows"),
      projectId: PROJECT_ID,
      location: REGION,
      definitions,
      env: { FUNCTIONS_URL: addressOf(context, "functions") },
      idToken: (audience, account) => iam.idToken(account, audience),
      verifyIdToken: async (token) => {
        if (iam.accountOf(token) === undefined)
          throw new Error("not an access token of this platform");
      },
    }),
  );
  const { dataDir, timers, log } = standInOptions(context, "pubsub");
  const eventarc = keep(
    await startEventarc({
      dataDir: path.join(path.dirname(dataDir), "eventarc"),
      timers,
      log,
      projectId: PROJECT_ID,
      location: REGION,
      triggers: documentTriggers(context),
      source: firestore,
      idToken: (account, audience) => iam.idToken(account, audience),
    }),
  );
  const scheduler = keep(
    await startScheduler({
      ...standInOptions(context, "scheduler"),
      projectId: PROJECT_ID,
      location: REGION,
      jobs: scheduledJobs(context),
      idToken: (account: string, audience: string) => iam.idToken(account, audience),
    }),
  );
  return {
    products: [workflows, eventarc, scheduler],
    begin() {
      workflows.resume();
      void scheduler.runJob("reap");
    },
  };
}

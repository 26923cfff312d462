/** Identities first: everything else is called and calls with a token from here. */
import type { RunningIam } from "../iam/index.ts";
import { startIam } from "../iam/index.ts";
import type { RunningIdentity } from "../identity/index.ts";
import { startIdentity } from "../identity/index.ts";
import type { Stoppable } from "../stop-list.ts";
import type { RunningStandIn } from "../stand-in.ts";
import { type AssemblyContext, PROJECT_ID, standInOptions } from "./context.ts";

export interface Trust {
  readonly iam: RunningIam;
  readonly identity: RunningIdentity;
}

export type Keep = <T extends Stoppable>(part: T) => T;

export async function startTrust(
  context: AssemblyContext,
  keep: Keep,
): Promise<Trust & { readonly products: readonly RunningStandIn[] }> {
  const iam = keep(
    await startIam({
      ...standInOptions(context, "iam"),
      projectId: PROJECT_ID,
      extraAccounts: ["collector"],
      metadataKey: context.secrets.metadataKey,
    }),
  );
  const identity = keep(
    await startIdentity({
      ...standInOptions(context, "identity"),
      projectId: PROJECT_ID,
      apiKey: context.secrets.firebaseApiKey,
      verifyCustomToken: (token) => iam.verifyCustomToken(token),
    }),
  );
  return { iam, identity, products: [iam, identity] };
}

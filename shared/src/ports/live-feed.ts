/** Follows a deployment's documents as they change. */
import type { Deployment, Transition } from "../domain/deployment.ts";
import type { DeploymentId } from "../domain/ids.ts";
import type { LogChunk } from "./deployment-store.ts";

export type FeedEvent =
  | { readonly kind: "deployment"; readonly deployment: Deployment }
  | { readonly kind: "transition"; readonly id: string; readonly transition: Transition }
  | { readonly kind: "log"; readonly chunk: LogChunk };

export interface LiveFeed {
  /** Calls `listener` with what exists and then with every change, until the returned function is called. */
  follow(
    id: DeploymentId,
    listener: (event: FeedEvent) => void,
    onError: (error: unknown) => void,
  ): () => void;
}

/** Server-side snapshot listeners for streams; the same documents that browsers listen to. */
import * as v from "valibot";
import { deploymentSchema, transitionSchema } from "../domain/deployment.ts";
import type { DeploymentId } from "../domain/ids.ts";
import type { FeedEvent, LiveFeed } from "../ports/live-feed.ts";
import type { LogChunk } from "../ports/deployment-store.ts";
import { connectFirestore, type FirestoreEmulator } from "./connect-firestore.ts";

export interface LiveFeedOptions {
  readonly projectId: string;
  readonly emulator: FirestoreEmulator | null;
}

/** Timestamps of the client library have `toDate`; everything else is plain. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("toDate" in value && typeof value.toDate === "function") return value.toDate() as Date;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

const logSchema = v.object({
  stream: v.picklist(["build", "deploy", "runtime"]),
  step: v.string(),
  lines: v.array(v.string()),
  at: v.date(),
});

/** Loads the gRPC client on first use: it is large, and most calls of the API never stream. */
export async function firestoreLiveFeed(options: LiveFeedOptions): Promise<LiveFeed> {
  const store = await connectFirestore(options.projectId, options.emulator);
  return {
    follow(
      id: DeploymentId,
      listener: (event: FeedEvent) => void,
      onError: (error: unknown) => void,
    ) {
      const document = store.doc(`deployments/${id}`);
      const stops = [
        document.onSnapshot((snapshot) => {
          if (!snapshot.exists) return;
          const fields = v.parse(deploymentSchema, plain(snapshot.data()));
          listener({ kind: "deployment", deployment: { ...fields, id } });
        }, onError),
        document.collection("transitions").onSnapshot((snapshot) => {
          for (const change of snapshot.docChanges()) {
            if (change.type !== "added") continue;
            const transition = v.parse(transitionSchema, plain(change.doc.data()));
            listener({ kind: "transition", id: change.doc.id, transition });
          }
        }, onError),
        document.collection("logs").onSnapshot((snapshot) => {
          for (const change of snapshot.docChanges()) {
            if (change.type !== "added") continue;
            const chunk: LogChunk = {
              id: change.doc.id,
              ...v.parse(logSchema, plain(change.doc.data())),
            };
            listener({ kind: "log", chunk });
          }
        }, onError),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

/** Which triggers a document change sets off: event type and path pattern. */
import type { DocumentChange } from "../firestore/document.ts";

const PREFIX = "google.cloud.firestore.document.v1.";
const KINDS = ["created", "updated", "deleted", "written"] as const;
type ChangeKind = (typeof KINDS)[number];

export interface DocumentTrigger {
  readonly id: string;
  /** `google.cloud.firestore.document.v1.` and created, updated, deleted or written. */
  readonly eventType: `${typeof PREFIX}${ChangeKind}`;
  /** For example `deployments/{deploymentId}/transitions/{seq}`; `{x=**}` ends a pattern with any rest. */
  readonly documentPattern: string;
  readonly url: string;
  /** Service (name or e-mail) whose ID token goes along; the audience is the URL. */
  readonly serviceAccount: string;
}

/** `created` or `updated` or `deleted`; undefined when nothing changed. */
export function kindOf(change: DocumentChange): Exclude<ChangeKind, "written"> | undefined {
  if (change.before === null) return change.after === null ? undefined : "created";
  if (change.after === null) return "deleted";
  const { before, after } = change;
  return JSON.stringify(before.fields) === JSON.stringify(after.fields) ? undefined : "updated";
}

/** A predicate over document paths (below `/documents/`) and change kinds. */
export function compileTrigger(
  trigger: DocumentTrigger,
): (path: string, kind: ChangeKind) => boolean {
  const wanted = trigger.eventType.slice(PREFIX.length);
  const pattern = trigger.documentPattern
    .split("/")
    .map((segment) => {
      if (/^\{\w+=\*\*\}$/.test(segment)) return ".+";
      if (/^\{\w+(=\*)?\}$/.test(segment)) return "[^/]+";
      return segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    })
    .join("/");
  const matcher = new RegExp(`^${pattern}$`);
  return (path, kind) => (wanted === "written" || wanted === kind) && matcher.test(path);
}

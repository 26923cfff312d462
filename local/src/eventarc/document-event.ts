/** A document change as a CloudEvent in HTTP binary mode, with DocumentEventData in JSON. */
import type { StoredDocument } from "../firestore/document.ts";
import type { CommitRecord, DocumentChange } from "../firestore/document.ts";
import type { DocumentTrigger } from "./match-trigger.ts";

export interface DocumentEvent {
  /** The same for every delivery of the same change to the same trigger. */
  readonly id: string;
  readonly sequence: number;
  /** When the change was committed, milliseconds since the epoch. */
  readonly at: number;
  readonly trigger: DocumentTrigger;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface EventOrigin {
  readonly projectId: string;
  readonly location: string;
}

const NAME = /^projects\/[^/]+\/databases\/([^/]+)\/documents\/(.+)$/;

/** Path of a document below its database; undefined for a name of another form. */
export function documentPath(name: string): string | undefined {
  return NAME.exec(name)?.[2];
}

export function documentEvent(
  origin: EventOrigin,
  trigger: DocumentTrigger,
  commit: CommitRecord,
  index: number,
  change: DocumentChange,
): DocumentEvent {
  const [, database = "(default)", path = ""] = NAME.exec(change.name) ?? [];
  const id = `${commit.sequence}-${index}-${trigger.id}`;
  return {
    id,
    sequence: commit.sequence,
    at: Date.parse(commit.commitTime),
    trigger,
    headers: {
      "content-type": "application/json",
      "ce-specversion": "1.0",
      "ce-id": id,
      "ce-type": trigger.eventType,
      "ce-source": `//firestore.googleapis.com/projects/${origin.projectId}/databases/${database}`,
      "ce-subject": `documents/${headerSafe(path)}`,
      "ce-time": commit.commitTime,
      "ce-project": origin.projectId,
      "ce-database": database,
      "ce-namespace": "(default)",
      "ce-location": origin.location,
      "ce-document": headerSafe(path),
      "ce-dataschema":
        "https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/firestore/v1/data.proto",
    },
    body: JSON.stringify(eventData(change)),
  };
}

function eventData({ before, after }: DocumentChange): object {
  return {
    ...(after === null ? {} : { value: after }),
    ...(before === null ? {} : { oldValue: before }),
    ...(before === null || after === null
      ? {}
      : { updateMask: { fieldPaths: changedFields(before, after) } }),
  };
}

function changedFields(before: StoredDocument, after: StoredDocument): string[] {
  const names = new Set([...Object.keys(before.fields), ...Object.keys(after.fields)]);
  return [...names].filter(
    (name) => JSON.stringify(before.fields[name]) !== JSON.stringify(after.fields[name]),
  );
}

/** CloudEvents binds header values to printable ASCII; everything else is percent-encoded. */
function headerSafe(path: string): string {
  return path.replace(/[^!-~]|["%]/gu, encodeURIComponent);
}

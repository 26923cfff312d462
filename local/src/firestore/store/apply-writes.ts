/** What the writes of one commit would do: pure, so that refusing it leaves nothing to undo. */
import type { DocumentChange, FieldValue, Fields, StoredDocument } from "../document.ts";
import { checkDocumentSize } from "../values/document-size.ts";
import { getField, withField } from "../values/field-path.ts";
import { checkPrecondition } from "./preconditions.ts";
import { formatTimestamp } from "../values/timestamps.ts";
import { applyTransform } from "./transforms.ts";
import { identicalFields } from "../values/values.ts";
import type { SetWrite, Write } from "./write.ts";

export interface WriteResult {
  readonly updateTime?: string;
  readonly transformResults?: readonly FieldValue[];
}

/** One write as the rules see it. */
export interface WriteStep {
  readonly write: Write;
  readonly before: StoredDocument | null;
  readonly after: StoredDocument | null;
}

export interface Staged {
  readonly results: readonly WriteResult[];
  readonly steps: readonly WriteStep[];
  /** Every written document as the commit leaves it. */
  readonly after: ReadonlyMap<string, StoredDocument | null>;
  /** Only what really changed. */
  readonly changes: DocumentChange[];
}

/** Throws the protocol error of the first precondition that fails. */
export function applyWrites(
  writes: readonly Write[],
  read: (name: string) => StoredDocument | null,
  commitMicros: bigint,
): Staged {
  const commitTime = formatTimestamp(commitMicros);
  const serverTime = formatTimestamp(commitMicros - (commitMicros % 1000n));
  const after = new Map<string, StoredDocument | null>();
  const results: WriteResult[] = [];
  const steps: WriteStep[] = [];
  for (const write of writes) {
    const staged = after.get(write.name);
    const before = staged === undefined ? read(write.name) : staged;
    checkPrecondition(write.precondition, write.name, before);
    if (write.kind === "set") {
      const { document, result } = applySet(write, before, commitTime, serverTime);
      after.set(write.name, document);
      results.push(result);
      steps.push({ write, before, after: document });
    } else {
      if (write.kind === "delete") after.set(write.name, null);
      results.push({});
      steps.push({ write, before, after: write.kind === "delete" ? null : before });
    }
  }
  return { results, steps, after, changes: changesOf(after, read) };
}

function applySet(
  write: SetWrite,
  before: StoredDocument | null,
  commitTime: string,
  serverTime: string,
): { document: StoredDocument; result: WriteResult } {
  let fields = write.mask === undefined ? write.fields : masked(write, before?.fields ?? {});
  const transformResults: FieldValue[] = [];
  for (const { path, operation } of write.transforms) {
    const { value, result } = applyTransform(operation, getField(fields, path), serverTime);
    fields = withField(fields, path, value);
    transformResults.push(result);
  }
  checkDocumentSize(write.name, fields);
  const unchanged = before !== null && identicalFields(before.fields, fields);
  const document = unchanged
    ? before
    : {
        // One text for each name, however often the document is written.
        name: before?.name ?? write.name,
        fields,
        createTime: before?.createTime ?? commitTime,
        updateTime: commitTime,
      };
  const { updateTime } = document;
  const result = transformResults.length > 0 ? { updateTime, transformResults } : { updateTime };
  return { document, result };
}

function masked(write: SetWrite, base: Fields): Fields {
  let fields = base;
  for (const path of write.mask ?? [])
    fields = withField(fields, path, getField(write.fields, path));
  return fields;
}

function changesOf(
  staged: ReadonlyMap<string, StoredDocument | null>,
  read: (name: string) => StoredDocument | null,
): DocumentChange[] {
  const changes: DocumentChange[] = [];
  for (const [name, after] of staged) {
    const before = read(name);
    if (before !== after && before?.updateTime !== after?.updateTime)
      changes.push({ name, before, after });
  }
  return changes;
}

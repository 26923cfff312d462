import { statSync } from "node:fs";
import type { StoredDocument } from "../document.ts";
import { linesOf, unseal } from "./checked-line.ts";
import { dataCorrupt } from "./data-corrupt.ts";
import type { SnapshotBlock, SnapshotFoot, SnapshotHead } from "./snapshot-format.ts";

/** Visits every document. Throws BifrostError "data-corrupt" unless all of the file is as it was written. */
export function readSnapshot(
  path: string,
  sequence: number,
  visit: (document: StoredDocument) => void,
): SnapshotHead {
  let head: SnapshotHead | undefined;
  let foot: SnapshotFoot | undefined;
  let documents = 0;
  for (const { bytes, complete, start } of linesOf(path, statSync(path).size)) {
    const json = complete ? unseal(bytes) : null;
    if (json === null) throw damaged(path, start, "its checksum does not fit");
    const line: unknown = JSON.parse(json);
    if (foot !== undefined) throw damaged(path, start, "something follows its end");
    if (head === undefined) {
      head = line as SnapshotHead;
      if (head.snapshot !== sequence) throw damaged(path, start, "it belongs to another commit");
    } else if (Array.isArray(line)) {
      for (const document of line as SnapshotBlock) visit(document);
      documents += line.length;
    } else {
      foot = line as SnapshotFoot;
      if (foot.documents !== documents)
        throw damaged(path, start, `it holds ${documents} documents of ${foot.documents}`);
    }
  }
  if (head === undefined || foot === undefined)
    throw damaged(path, statSync(path).size, "its end is missing");
  return head;
}

function damaged(path: string, byte: number, why: string): Error {
  return dataCorrupt(`The Firestore snapshot ${path} is damaged at byte ${byte}: ${why}.`, {
    path,
    byte,
  });
}

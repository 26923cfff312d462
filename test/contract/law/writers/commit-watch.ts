/** Looks at every commit as it becomes durable: what must never happen, not even between two looks at the whole. */
import type { CommitRecord, StoredDocument } from "../../../../local/src/firestore/index.ts";
import { ROOT } from "../writes.ts";

type Change = CommitRecord["changes"][number];

export function brokenBy({ changes }: CommitRecord): readonly string[] {
  return changes.flatMap((change) => {
    const path = change.name.slice(ROOT.length + 1);
    return complaintsAbout(path, change).map((what) => `${path} ${what}`);
  });
}

function complaintsAbout(path: string, { before, after }: Change): readonly string[] {
  if (before === null) return [];
  if (/^deployments\/[^/]+\/transitions\/[^/]+$/.test(path)) return ["was changed"];
  if (/^deployments\/[^/]+$/.test(path)) {
    if (after === null) return ["was deleted"];
    return falls(before, after, ["seq", "attempt"]);
  }
  if (/^projects\/[^/]+$/.test(path) && after !== null) {
    return falls(before, after, ["nextNumber", "liveNumber"]);
  }
  return [];
}

function falls(before: StoredDocument, after: StoredDocument, names: readonly string[]) {
  return names
    .filter((name) => !(intOf(after, name) >= intOf(before, name)))
    .map((name) => `has a lower ${name}: ${intOf(before, name)}, then ${intOf(after, name)}`);
}

function intOf({ fields }: StoredDocument, name: string): number {
  const value = fields[name];
  return Number(value?.["integerValue"] ?? Number.NaN);
}

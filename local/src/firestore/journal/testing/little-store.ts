/** A store whose log is compacted every few commits, and commits with known results for it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger, type Logger } from "@bifrost/shared/ports/logger";
import type { DocumentIndex } from "../../store/document-view.ts";
import type { CommitRecord } from "../../document.ts";
import { DatabaseName } from "../../resource-name.ts";
import { Store } from "../../store/store.ts";
import { PROJECT, ROOT } from "../../testing/firestore-fixture.ts";
import { parseWrites } from "../../store/write.ts";
import { openJournal, type JournalOptions } from "../open-journal.ts";

/** About five of the commits below. */
export const LITTLE = { logBytes: 1500, snapshots: 1 };

const database = new DatabaseName(PROJECT);

export function openStore(
  path: string,
  options: JournalOptions = {},
  log: Logger = silentLogger,
): Store {
  return new Store(openJournal(path, log, { limits: LITTLE, ...options }), systemTimers, log);
}

/** Document ids with the number of the commit that wrote them. */
export type Items = Readonly<Record<string, number>>;

/** Commit `n` (from 1) writes a document of its own and a shared one, and deletes the own one of commit n - 3. */
export async function commitNumber(store: Store, n: number): Promise<void> {
  const fields = { n: { integerValue: n } };
  const writes = [
    { update: { name: `${ROOT}/items/own${n}`, fields } },
    { update: { name: `${ROOT}/items/shared`, fields } },
    { delete: `${ROOT}/items/own${n - 3}` },
  ];
  await store.commit(parseWrites(writes, database), () => undefined);
}

/** What there is after the first `n` of them. */
export function itemsAfter(n: number): Items {
  const own = [n - 2, n - 1, n].filter((one) => one > 0);
  return n === 0 ? {} : { ...Object.fromEntries(own.map((one) => [`own${one}`, one])), shared: n };
}

export function itemsOf(store: Store): Items {
  return itemsIn(store.durable);
}

export function itemsIn(documents: DocumentIndex): Items {
  return Object.fromEntries(
    documents
      .all()
      .map(({ name, fields }) => [
        name.slice(`${ROOT}/items/`.length),
        Number(fields["n"]?.["integerValue"]),
      ]),
  );
}

/** The numbers that a replay from `after` shows, with what each commit found at the shared document. */
export function replayed(store: Store, after: number): { sequence: number; found: number }[] {
  const seen: { sequence: number; found: number }[] = [];
  store.replay(after, ({ sequence, changes }: CommitRecord) => {
    const shared = changes.find(({ name }) => name.endsWith("/shared"));
    seen.push({ sequence, found: Number(shared?.before?.fields["n"]?.["integerValue"] ?? 0) });
  });
  return seen;
}

/** What `replayed` answers when nothing is missing. */
export function everyCommit(after: number, last: number): { sequence: number; found: number }[] {
  return Array.from({ length: Math.max(0, last - after) }, (_, index) => ({
    sequence: after + index + 1,
    found: after + index,
  }));
}

/** As a kill would have left the directory: without the note of an orderly end. */
export function forgetOrderlyEnd(path: string): void {
  rmSync(join(path, "last-commit"), { force: true });
}

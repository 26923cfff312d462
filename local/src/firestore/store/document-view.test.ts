import { array, assert, boolean, constantFrom, property, record } from "fast-check";
import { expect, test } from "vitest";
import { DocumentIndex } from "./document-view.ts";
import type { StoredDocument } from "../document.ts";

const NAMES = ["r/a/1", "r/a/2", "r/a/1/b/1", "r/a/1/b/2", "r/ab/1", "r/c/1/a/1"];
const COLLECTIONS = ["r/a", "r/a/1/b", "r/ab", "r/c", "r/none"];
/** The root and documents, some of which are never there themselves. */
const PARENTS = ["r", "r/a/1", "r/a/2", "r/c/1"];

const documentOf = (name: string, version: number): StoredDocument => ({
  name,
  fields: {},
  createTime: "0",
  updateTime: String(version),
});

const sorted = (documents: Iterable<StoredDocument>): StoredDocument[] =>
  [...documents].toSorted((a, b) => (a.name < b.name ? -1 : 1));

test("an index answers as a plain list of its documents does, after any puts and removals", () => {
  const step = record({ name: constantFrom(...NAMES), isRemoved: boolean() });
  assert(
    property(array(step, { maxLength: 30 }), (steps) => {
      const index = new DocumentIndex();
      const model = new Map<string, StoredDocument>();
      for (const [version, { name, isRemoved }] of steps.entries()) {
        const document = documentOf(name, version);
        index.put(name, isRemoved ? null : document);
        if (isRemoved) model.delete(name);
        else model.set(name, document);
      }
      const where = (holds: (name: string) => boolean) =>
        sorted([...model.values()].filter(({ name }) => holds(name)));
      expect(index.size).toBe(model.size);
      expect(sorted(index.all())).toEqual(where(() => true));
      for (const name of NAMES) expect(index.get(name)).toBe(model.get(name) ?? null);
      for (const id of ["a", "b", "ab", "none"]) {
        expect(sorted(index.group(id))).toEqual(where((name) => name.split("/").at(-2) === id));
      }
      for (const path of COLLECTIONS) {
        const isIn = (name: string) => name.slice(0, name.lastIndexOf("/")) === path;
        expect(sorted(index.collection(path))).toEqual(where(isIn));
      }
      for (const parent of PARENTS) {
        const isBelow = (name: string) => name.startsWith(`${parent}/`);
        expect(sorted(index.under(parent))).toEqual(where(isBelow));
      }
    }),
  );
});

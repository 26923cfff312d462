/** Ways to see the documents: as durable, as the newest commit left them, as they were at a moment. */
import type { StoredDocument } from "../document.ts";
import { collectionOf } from "../resource-name.ts";

export interface DocumentView {
  get(name: string): StoredDocument | null;
  /** Documents directly in this collection, in no order. */
  collection(path: string): Iterable<StoredDocument>;
  /** Documents anywhere below this document or the root, in no order. */
  under(parent: string): Iterable<StoredDocument>;
}

/** The documents by name and by collection. */
export class DocumentIndex implements DocumentView {
  readonly #collections = new Map<string, Map<string, StoredDocument>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The documents of this moment, in no order. */
  all(): StoredDocument[] {
    const all: StoredDocument[] = [];
    for (const documents of this.#collections.values()) {
      for (const document of documents.values()) all.push(document);
    }
    return all;
  }

  get(name: string): StoredDocument | null {
    return this.#collections.get(collectionOf(name))?.get(name) ?? null;
  }

  collection(path: string): Iterable<StoredDocument> {
    return this.#collections.get(path)?.values() ?? [];
  }

  *under(parent: string): Iterable<StoredDocument> {
    for (const [path, documents] of this.#collections) {
      if (path.startsWith(`${parent}/`)) yield* documents.values();
    }
  }

  /** Documents of every collection of this id, in no order. */
  *group(collectionId: string): Iterable<StoredDocument> {
    for (const [path, documents] of this.#collections) {
      if (path.endsWith(`/${collectionId}`)) yield* documents.values();
    }
  }

  put(name: string, document: StoredDocument | null): void {
    const path = collectionOf(name);
    const documents = this.#collections.get(path);
    if (document === null) {
      if (documents?.delete(name) !== true) return;
      this.#size -= 1;
      if (documents.size === 0) this.#collections.delete(path);
      return;
    }
    const before = documents?.size ?? 0;
    // The document's own text of the name as the key: no second one is held.
    const after = documents ?? new Map<string, StoredDocument>();
    after.set(document.name, document);
    if (documents === undefined) this.#collections.set(path, after);
    this.#size += after.size - before;
  }
}

/** A view with some documents replaced (or, when null, removed). */
export class OverlayView implements DocumentView {
  readonly #base: DocumentView;
  readonly #changed: ReadonlyMap<string, StoredDocument | null>;

  constructor(base: DocumentView, changed: ReadonlyMap<string, StoredDocument | null>) {
    this.#base = base;
    this.#changed = changed;
  }

  get(name: string): StoredDocument | null {
    const changed = this.#changed.get(name);
    return changed === undefined ? this.#base.get(name) : changed;
  }

  *collection(path: string): Iterable<StoredDocument> {
    yield* this.#replaced(this.#base.collection(path), (name) => collectionOf(name) === path);
  }

  *under(parent: string): Iterable<StoredDocument> {
    yield* this.#replaced(this.#base.under(parent), (name) => name.startsWith(`${parent}/`));
  }

  *#replaced(
    base: Iterable<StoredDocument>,
    inside: (name: string) => boolean,
  ): Iterable<StoredDocument> {
    for (const document of base) if (!this.#changed.has(document.name)) yield document;
    for (const [name, document] of this.#changed) {
      if (document !== null && inside(name)) yield document;
    }
  }
}

/** Reconciles each key once after any number of changes, in order, never inside the change itself. */
import type { Logger } from "@bifrost/shared/ports/logger";

export class WorkQueue {
  readonly #keys = new Set<string>();
  readonly #reconcile: (key: string) => void;
  readonly #log: Logger;
  #isScheduled = false;
  #isClosed = false;

  constructor(reconcile: (key: string) => void, log: Logger) {
    this.#reconcile = reconcile;
    this.#log = log;
  }

  add(key: string): void {
    this.#keys.add(key);
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    setImmediate(() => this.#drain());
  }

  close(): void {
    this.#isClosed = true;
    this.#keys.clear();
  }

  #drain(): void {
    this.#isScheduled = false;
    const keys = [...this.#keys];
    this.#keys.clear();
    for (const key of keys) {
      if (this.#isClosed) return;
      try {
        this.#reconcile(key);
      } catch (error) {
        this.#log.error("controller failed", { key, error: String(error) });
      }
    }
  }
}

/** `namespace/name`, the key controllers use. */
export function objectKey(object: { metadata: { namespace?: string; name: string } }): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const cut = key.indexOf("/");
  return { namespace: key.slice(0, cut), name: key.slice(cut + 1) };
}

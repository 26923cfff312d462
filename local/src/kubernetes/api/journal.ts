/** Objects on disk as one line per change; a torn last line is what a killed process leaves and is dropped. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "../objects/object.ts";

interface Line {
  readonly v: number;
  readonly put?: KubeObject;
  readonly del?: string;
}

const COMPACT_AFTER_BYTES = 4 * 1024 ** 2;

export class Journal {
  readonly #path: string;
  #bytes = 0;
  #floor = COMPACT_AFTER_BYTES;
  lastVersion = 1;

  constructor(dataDir: string) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.#path = join(dataDir, "objects.jsonl");
  }

  load(): readonly KubeObject[] {
    const objects = new Map<string, KubeObject>();
    if (!existsSync(this.#path)) return [];
    const text = readFileSync(this.#path, "utf8");
    for (const line of text.split("\n")) this.#replay(line, objects);
    // Starting afresh after a torn tail: otherwise the next line would be glued to it.
    this.compact(this.lastVersion, objects.values());
    return [...objects.values()];
  }

  put(version: number, object: KubeObject): void {
    this.#append({ v: version, put: object });
  }

  remove(version: number, object: KubeObject): void {
    this.#append({ v: version, del: object.metadata.uid ?? "" });
  }

  compactWhenLong(version: number, objects: () => Iterable<KubeObject>): void {
    if (this.#bytes > this.#floor) this.compact(version, objects());
  }

  /** Rewrites the file with what lives now; the rename makes it all or nothing. */
  compact(version: number, objects: Iterable<KubeObject>): void {
    const lines = [...objects].map((object) => lineOf({ v: version, put: object }));
    const text = lines.length === 0 ? lineOf({ v: version }) : lines.join("");
    const next = `${this.#path}.next`;
    writeFileSync(next, text, { mode: 0o600 });
    const descriptor = openSync(next, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(next, this.#path);
    this.#bytes = text.length;
    this.#floor = COMPACT_AFTER_BYTES + 2 * text.length;
  }

  #replay(text: string, objects: Map<string, KubeObject>): void {
    if (text === "") return;
    try {
      const line = JSON.parse(text) as Line;
      this.lastVersion = Math.max(this.lastVersion, line.v);
      if (line.put !== undefined) objects.set(line.put.metadata.uid ?? "", line.put);
      if (line.del !== undefined) objects.delete(line.del);
    } catch {
      // Only the last line can be torn; what it said was never answered as done.
    }
  }

  #append(line: Line): void {
    const text = lineOf(line);
    appendFileSync(this.#path, text, { mode: 0o600 });
    this.#bytes += text.length;
  }
}

function lineOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

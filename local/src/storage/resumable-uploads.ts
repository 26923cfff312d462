/** Upload sessions: content arrives in one or many requests, across restarts if need be. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Clock } from "@bifrost/shared/domain/time";
import { readFileIfPresent, writeFileAtomic } from "../files/atomic-file.ts";
import { GoogleError } from "../serving/google-error.ts";
import type { GivenMetadata, ObjectMetadata } from "./object-metadata.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Preconditions } from "./preconditions.ts";
import { receiveMedia } from "./receive.ts";

export interface UploadSession {
  readonly bucket: string;
  readonly name: string;
  readonly given: GivenMetadata;
  readonly preconditions: Preconditions;
}

/** A session lives for a week, as Google's do. */
const SESSION_MS = 7 * 86_400_000;
const CONTENT_RANGE = /^bytes (?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/;

export type UploadStep =
  | { readonly done: true; readonly object: ObjectMetadata }
  | { readonly done: false; readonly received: number };

export class ResumableUploads {
  readonly #folder: string;
  readonly #store: ObjectStore;

  constructor(dataDir: string, store: ObjectStore, clock: Clock) {
    this.#folder = join(dataDir, "uploads");
    this.#store = store;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(this.#folder)) {
      const path = join(this.#folder, file);
      if (statSync(path).mtimeMs < clock.now() - SESSION_MS) rmSync(path);
    }
  }

  /** Id of the new session. */
  begin(session: UploadSession): string {
    const id = randomBytes(24).toString("hex");
    writeFileSync(this.#part(id), "", { mode: 0o600 });
    writeFileAtomic(this.#description(id), JSON.stringify(session));
    return id;
  }

  /** Takes one PUT: a chunk, the last chunk, or the question how much is there. */
  async receive(id: string, request: IncomingMessage): Promise<UploadStep> {
    const session = this.#session(id);
    const range = parseRange(request.headers["content-range"]);
    let received = statSync(this.#part(id)).size;
    if (range.start !== undefined) {
      if (range.start > received) return { done: false, received };
      const body = request as AsyncIterable<Buffer>;
      received = await receiveMedia(body, this.#part(id), received - range.start);
    }
    const complete = range.total === undefined ? range.openEnded : received === range.total;
    if (!complete) return { done: false, received };
    const file = this.#store.incomingFile();
    renameSync(this.#part(id), file);
    rmSync(this.#description(id));
    return { done: true, object: await this.#store.put({ ...session, file }) };
  }

  cancel(id: string): void {
    this.#session(id);
    rmSync(this.#description(id));
    rmSync(this.#part(id), { force: true });
  }

  #session(id: string): UploadSession {
    const text = /^[0-9a-f]{48}$/.test(id) ? readFileIfPresent(this.#description(id)) : undefined;
    if (text === undefined) throw new GoogleError("NOT_FOUND", "There is no such upload session.");
    return JSON.parse(text) as UploadSession;
  }

  #part(id: string): string {
    return join(this.#folder, `${id}.part`);
  }

  #description(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

interface UploadRange {
  /** Undefined: no content, only the question. */
  readonly start: number | undefined;
  /** Size of the whole object, when it is known. */
  readonly total: number | undefined;
  /** The body reaches to the object's end although the total is not told. */
  readonly openEnded: boolean;
}

/** No Content-Range means: this body is the whole object. */
function parseRange(header: string | undefined): UploadRange {
  if (header === undefined) return { start: 0, total: undefined, openEnded: true };
  const match = CONTENT_RANGE.exec(header);
  if (match === null) {
    throw new GoogleError("INVALID_ARGUMENT", `Failed to parse Content-Range header ${header}.`);
  }
  const [, start, end, total] = match;
  return {
    start: start === undefined ? undefined : Number(start),
    total: total === "*" ? undefined : Number(total),
    openEnded: end === "*",
  };
}

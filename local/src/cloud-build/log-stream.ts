/** Lines of one build as LogEntry objects, flushed every 100 ms or 64 KiB, in order. */
import { StringDecoder } from "node:string_decoder";
import type { Readable } from "node:stream";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { BuildRecord } from "./build-record.ts";

const FLUSH_MS = 100;
const MAX_TEXT_BYTES = 64 * 1024;
const ATTEMPTS = 5;
const RETRY_MS = 200;

export interface BuildLogEntry {
  readonly logName: string;
  readonly resource: {
    readonly type: "build";
    readonly labels: { readonly build_id: string; readonly project_id: string };
  };
  readonly labels: { readonly build_tags: string; readonly build_step: string };
  readonly severity: "INFO" | "ERROR";
  /** One or more lines without the last newline, at most 64 KiB. */
  readonly textPayload: string;
  readonly timestamp: string;
  /** Sorts in the order the lines were written. */
  readonly insertId: string;
}

export type WriteLog = (entries: readonly BuildLogEntry[]) => void | Promise<void>;

interface Pending {
  readonly step: string;
  readonly severity: "INFO" | "ERROR";
  readonly at: number;
  lines: string[];
  bytes: number;
}

export class LogStream {
  readonly #build: BuildRecord;
  readonly #write: WriteLog;
  readonly #timers: Timers;
  readonly #log: Logger;
  #pending: Pending[] = [];
  #bytes = 0;
  #count = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(build: BuildRecord, write: WriteLog, timers: Timers, log: Logger) {
    this.#build = build;
    this.#write = write;
    this.#timers = timers;
    this.#log = log;
  }

  line(step: string, text: string, severity: "INFO" | "ERROR" = "INFO"): void {
    const bytes = Buffer.byteLength(text) + 1;
    const last = this.#pending.at(-1);
    const joins =
      last?.step === step && last.severity === severity && last.bytes + bytes <= MAX_TEXT_BYTES;
    if (joins) {
      last.lines.push(text);
      last.bytes += bytes;
    } else {
      this.#pending.push({ step, severity, at: this.#timers.now(), lines: [text], bytes });
    }
    this.#bytes += bytes;
    this.#timer ??= this.#timers.after(FLUSH_MS, () => void this.flush());
  }

  /** Copies a process's output until it ends; reading waits while the sink is behind. */
  async copy(step: string, source: Readable): Promise<void> {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    for await (const chunk of source as AsyncIterable<Buffer>) {
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#lineInPieces(step, line);
      if (rest.length > MAX_TEXT_BYTES / 4) {
        this.#lineInPieces(step, rest);
        rest = "";
      }
      if (this.#bytes >= MAX_TEXT_BYTES) await this.flush();
    }
    rest += decoder.end();
    if (rest !== "") this.#lineInPieces(step, rest);
  }

  /** Resolves when everything written so far was taken. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const entries = this.#pending.map((pending) => this.#entry(pending));
    this.#pending = [];
    this.#bytes = 0;
    if (entries.length > 0) this.#writing = this.#writing.then(() => this.#deliver(entries));
    return this.#writing;
  }

  /** A line longer than an entry may be is cut; no UTF-16 unit has more than 3 bytes in UTF-8. */
  #lineInPieces(step: string, line: string): void {
    const size = Math.floor(MAX_TEXT_BYTES / 4);
    const text = line.replace(/\r$/, "");
    for (let at = 0; at < Math.max(1, text.length); at += size) {
      this.line(step, text.slice(at, at + size));
    }
  }

  #entry(pending: Pending): BuildLogEntry {
    const { id, projectId, tags, runs } = this.#build;
    const order = String(this.#count++).padStart(9, "0");
    return {
      logName: `projects/${projectId}/logs/cloudbuild`,
      resource: { type: "build", labels: { build_id: id, project_id: projectId } },
      labels: { build_tags: tags.join(","), build_step: pending.step },
      severity: pending.severity,
      textPayload: pending.lines.join("\n"),
      timestamp: new Date(pending.at).toISOString(),
      insertId: `${id}-${String(runs).padStart(3, "0")}-${order}`,
    };
  }

  async #deliver(entries: readonly BuildLogEntry[]): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        return await this.#write(entries);
      } catch (error) {
        this.#log.warn("build log was not taken", { attempt, error: messageOf(error) });
        await this.#timers.sleep(RETRY_MS * 2 ** attempt);
      }
    }
    return this.#log.error("build log lines dropped", { buildId: this.#build.id });
  }
}

/** Keeps served requests for a moment and writes them as lines, in batches, while requests go on. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Served } from "../proxy/served.ts";
import {
  accessEntry,
  accessLine,
  type AccessEntry,
  type AccessLineOptions,
} from "./access-line.ts";
import { openLineSink, type LineSink } from "./line-sink.ts";

export interface AccessLogSettings extends AccessLineOptions {
  /** `stdout` or a path. */
  readonly where: string;
}

/** Requests that wait to be written; what comes beyond them is dropped and counted. */
const MAX_WAITING = 16_384;
/** How late a line may be. */
const EVERY_MS = 50;
/** Lines made at once: about a millisecond's work. */
const BATCH = 256;

export class AccessLog {
  /** Lines that were lost: the writer did not keep up, or writing failed. */
  dropped = 0;
  written = 0;
  private readonly settings: AccessLogSettings;
  private readonly timers: Timers;
  private readonly onProblem: (problem: string) => void;
  private readonly sink: LineSink;
  private waiting: AccessEntry[] = [];
  private timer: Timer | null = null;
  /** One thing after another. */
  private work: Promise<void> = Promise.resolve();
  private hasProblem = false;

  private constructor(deps: AccessLogDeps, sink: LineSink) {
    this.settings = deps.settings;
    this.timers = deps.timers;
    this.onProblem = deps.onProblem;
    this.sink = sink;
  }

  static async open(deps: AccessLogDeps): Promise<AccessLog> {
    return new AccessLog(deps, await openLineSink(deps.settings.where, deps.timers));
  }

  record(served: Served): void {
    if (this.waiting.length >= MAX_WAITING) {
      this.dropped++;
      return;
    }
    this.waiting.push(accessEntry(served));
    this.timer ??= this.timers.after(EVERY_MS, () => {
      this.timer = null;
      this.work = this.work.then(() => this.writeWaiting());
    });
  }

  /** After the file was renamed. Rejects, and goes on in the renamed one, when no new file can be made. */
  reopen(): Promise<void> {
    const reopened = this.work.then(() => this.sink.reopen());
    this.work = reopened.catch(() => undefined);
    return reopened;
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    this.timer?.cancel();
    await this.work;
    await this.writeWaiting();
    await this.sink.close();
  }

  private async writeWaiting(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH);
      const lines = batch.map((served) => accessLine(served, this.settings));
      for (const { text, count } of chunksOf(lines, this.sink.chunkBytes)) {
        await this.writeChunk(Buffer.from(text), count);
      }
    }
  }

  private async writeChunk(chunk: Buffer, lines: number): Promise<void> {
    try {
      await this.sink.write(chunk);
      this.written += lines;
      this.hasProblem = false;
    } catch (error) {
      this.dropped += lines;
      // A full disk fails every write; saying it once is enough.
      if (!this.hasProblem) this.onProblem(messageOf(error));
      this.hasProblem = true;
    }
  }
}

interface AccessLogDeps {
  readonly settings: AccessLogSettings;
  readonly timers: Timers;
  readonly onProblem: (problem: string) => void;
}

/** Whole lines together, in chunks of at most `most` bytes. */
function* chunksOf(
  lines: readonly string[],
  most: number,
): Generator<{ readonly text: string; readonly count: number }> {
  let text = "";
  let bytes = 0;
  let count = 0;
  for (const line of lines) {
    const length = Buffer.byteLength(line);
    if (count > 0 && bytes + length > most) {
      yield { text, count };
      text = "";
      bytes = count = 0;
    }
    text += line;
    bytes += length;
    count++;
  }
  if (count > 0) yield { text, count };
}

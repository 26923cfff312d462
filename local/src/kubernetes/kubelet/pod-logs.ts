/** Keeps the last of each container's log for `kubectl logs` and hands every line on in small batches. */
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Timer, Timers } from "@bifrost/shared/domain/time";

export interface PodLogLine {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stream: "stdout" | "stderr";
  readonly lines: readonly string[];
  /** When the first of the lines was read; milliseconds since the epoch. */
  readonly at: number;
}

export type LogSource = Pick<PodLogLine, "namespace" | "pod" | "container" | "labels">;

const FLUSH_MS = 100;
const FLUSH_BYTES = 64 * 1024;
const KEPT_BYTES = 64 * 1024;
const MAX_LINE = 16 * 1024;

export class LogBatcher {
  readonly #timers: Timers;
  readonly #write: (entries: PodLogLine[]) => void;
  #pending: PodLogLine[] = [];
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(timers: Timers, write: (entries: PodLogLine[]) => void) {
    this.#timers = timers;
    this.#write = write;
  }

  add(source: LogSource, stream: PodLogLine["stream"], lines: readonly string[]): void {
    const last = this.#pending.at(-1);
    const isSame =
      last?.pod === source.pod && last.container === source.container && last.stream === stream;
    if (last !== undefined && isSame && last.namespace === source.namespace) {
      this.#pending[this.#pending.length - 1] = { ...last, lines: [...last.lines, ...lines] };
    } else this.#pending.push({ ...source, stream, lines, at: this.#timers.now() });
    for (const line of lines) this.#bytes += line.length + 1;
    if (this.#bytes >= FLUSH_BYTES) this.flush();
    else this.#timer ??= this.#timers.after(FLUSH_MS, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const entries = this.#pending;
    this.#pending = [];
    this.#bytes = 0;
    this.#write(entries);
  }
}

/** The last 64 KiB of one run of a container. */
export class LogTail {
  #lines: string[] = [];
  #bytes = 0;

  add(lines: readonly string[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#bytes += line.length + 1;
    }
    let dropped = 0;
    while (this.#bytes > KEPT_BYTES && dropped < this.#lines.length - 1) {
      this.#bytes -= (this.#lines[dropped]?.length ?? 0) + 1;
      dropped += 1;
    }
    if (dropped > 0) this.#lines = this.#lines.slice(dropped);
  }

  text(tailLines?: number): string {
    const lines = tailLines === undefined ? this.#lines : this.#lines.slice(-tailLines || Infinity);
    return (tailLines === 0 ? [] : lines).map((line) => `${line}\n`).join("");
  }

  /** The end of the log in at most `bytes`, whole lines first. */
  last(bytes: number): string {
    return this.text().slice(-bytes).trimEnd();
  }
}

/** Cuts a stream into lines; resolves when it has ended and the last line was given. */
export function readLines(
  stream: Readable,
  onLines: (lines: readonly string[]) => void,
): Promise<void> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return new Promise((resolve) => {
    stream.on("data", (chunk: Buffer) => {
      const parts = (rest + decoder.write(chunk)).split("\n");
      rest = parts.pop() ?? "";
      while (rest.length > MAX_LINE) {
        parts.push(rest.slice(0, MAX_LINE));
        rest = rest.slice(MAX_LINE);
      }
      const lines = parts.flatMap(cut);
      if (lines.length > 0) onLines(lines);
    });
    stream.on("close", () => {
      rest += decoder.end();
      if (rest !== "") onLines([rest]);
      rest = "";
      resolve();
    });
    stream.on("error", () => resolve());
  });
}

function cut(line: string): readonly string[] {
  if (line.length <= MAX_LINE) return [line];
  const pieces: string[] = [];
  for (let at = 0; at < line.length; at += MAX_LINE) pieces.push(line.slice(at, at + MAX_LINE));
  return pieces;
}

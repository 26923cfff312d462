/** The processes to look at, one after another, so that whoever asks can stop at any of them and go on later. */
import { Bytes } from "../wire/bytes.ts";
import * as host from "../host.ts";
import { isNamed, MAX_STAT } from "./proc-stat.ts";

/** Answers of `next` that are no process. */
export const DONE: i32 = -1;
/** Something was read and no process found yet. */
export const NOT_YET: i32 = 0;

/** A tree deeper or wider than this is counted in part. */
const MAX_TREE: i32 = 512;
/** Holds as many numbers of seven digits, so none that counts is cut off. */
const MAX_CHILDREN: i32 = 4096;
/** Entries of a directory asked for at once: the host reads the whole directory each time. */
const PROCESSES: i32 = 1024;
const THREADS: i32 = 64;
const MAX_PID: f64 = 4_194_304;

/** Numeric entries of a directory, in ascending order. */
class Entries {
  private readonly chunk: Int32Array;
  private index: i32 = 0;
  private count: i32 = 0;
  private last: i32 = 0;

  constructor(chunk: i32) {
    this.chunk = new Int32Array(chunk);
  }

  restart(): void {
    this.index = 0;
    this.count = 0;
    this.last = 0;
  }

  /** DONE after the last one. */
  next(path: Bytes): i32 {
    if (this.index === this.count) {
      this.index = 0;
      this.count = host.list(path, this.last, this.chunk);
      if (this.count <= 0) {
        this.count = 0;
        return DONE;
      }
    }
    this.last = this.chunk[this.index] as i32;
    this.index = this.index + 1;
    return this.last;
  }
}

export abstract class Processes {
  /** Starts over. */
  abstract begin(): void;

  /** The next process, NOT_YET or DONE. */
  abstract next(): i32;
}

/** All processes of the namespace but those of the own user. */
export class ProcessNamespace extends Processes {
  private readonly entries: Entries = new Entries(PROCESSES);
  private readonly root: Bytes = new Bytes(8).text("/proc");
  private readonly path: Bytes = new Bytes(32);
  private readonly text: Bytes = new Bytes(MAX_STAT);
  private isChecked: bool = false;
  private isHostWide: bool = false;

  begin(): void {
    this.entries.restart();
    if (!this.isChecked) this.check();
  }

  /** The whole machine's processes are nobody's app. */
  private check(): void {
    this.isChecked = true;
    if (!host.readFile(procPath(this.path, 2, "/stat"), this.text)) return;
    this.isHostWide = isNamed(this.text, "kthreadd");
    if (!this.isHostWide) return;
    this.text.clear().text("this is the process namespace of the whole host: no usage is measured");
    host.log(this.text);
  }

  next(): i32 {
    if (this.isHostWide) return DONE;
    const pid = this.entries.next(this.root);
    if (pid <= 0) return DONE;
    return host.owner(procPath(this.path, pid, "")) === host.uid() ? NOT_YET : pid;
  }
}

/** A process and all its descendants, parents before their children. */
export class ProcessTree extends Processes {
  private readonly pidFile: Bytes;
  private readonly pids: Int32Array = new Int32Array(MAX_TREE);
  private count: i32 = 0;
  /** The process whose children are looked for; -1 = none yet. */
  private current: i32 = -1;
  private readonly threads: Entries = new Entries(THREADS);
  private readonly path: Bytes = new Bytes(64);
  private readonly text: Bytes = new Bytes(MAX_CHILDREN);

  constructor(pidFile: Bytes) {
    super();
    this.pidFile = pidFile;
  }

  begin(): void {
    this.count = 0;
    this.current = -1;
    if (host.readFile(this.pidFile, this.text))
      this.add(this.text.numberAt(this.text.blanksEnd(0)));
  }

  next(): i32 {
    if (this.current >= 0 && this.readThread(this.pids[this.current] as i32)) return NOT_YET;
    this.current = this.current + 1;
    this.threads.restart();
    return this.current < this.count ? (this.pids[this.current] as i32) : DONE;
  }

  /** Takes over the children of the next thread of `parent`; false after the last thread. */
  private readThread(parent: i32): bool {
    const thread = this.threads.next(procPath(this.path, parent, "/task"));
    if (thread <= 0) return false;
    this.path
      .text("/")
      .number(thread as f64)
      .text("/children");
    const text = this.text;
    if (!host.readFile(this.path, text)) return true;
    for (let at = text.blanksEnd(0); at < text.length; at = text.nextWord(at)) {
      this.add(text.numberAt(at));
    }
    return true;
  }

  private add(pid: f64): void {
    if (pid < 1 || pid > MAX_PID || this.count === MAX_TREE) return;
    // A process whose parent died meanwhile may turn up twice.
    for (let i: i32 = 0; i < this.count; i++) if ((this.pids[i] as f64) === pid) return;
    this.pids[this.count] = pid as i32;
    this.count = this.count + 1;
  }
}

export function procPath(out: Bytes, pid: i32, rest: string): Bytes {
  return out
    .clear()
    .text("/proc/")
    .number(pid as f64)
    .text(rest);
}

/** What one line of `/proc/<pid>/stat` says about a process. */
import { Bytes } from "../wire/bytes.ts";

/** A name has at most 64 characters, each of the fifty numbers at most 20. */
export const MAX_STAT: i32 = 1280;

const OPENING: i32 = 40;
const CLOSING: i32 = 41;
const ZOMBIE: i32 = 90;
const DEAD: i32 = 88;

/** Fields after the name, counted from 0; proc(5) counts the same from 3. */
const STATE: i32 = 0;
const PARENT: i32 = 1;
const FIRST_TICKS: i32 = 11;
const LAST_TICKS: i32 = 14;
const THREADS: i32 = 17;
const START: i32 = 19;
const RESIDENT: i32 = 21;

export class ProcStat {
  /** Dead, and kept only until its parent asks. */
  isGone: bool = false;
  parent: f64 = 0;
  /** CPU of its own and of its children that ended and were waited for. */
  ticks: f64 = 0;
  threads: f64 = 0;
  /** Ticks after the machine's start: tells a process from a later one of the same number. */
  start: f64 = 0;
  residentPages: f64 = 0;

  /** False = no such line. */
  parse(line: Bytes): bool {
    // The name before may hold blanks and brackets.
    let at = line.lastIndexOf(CLOSING);
    if (at < 0) return false;
    this.ticks = 0;
    for (let field: i32 = STATE; field <= RESIDENT; field++) {
      at = line.nextWord(at);
      if (at >= line.length) return false;
      this.read(field, line, at);
    }
    return true;
  }

  private read(field: i32, line: Bytes, at: i32): void {
    if (field === STATE) this.isGone = line.at(at) === ZOMBIE || line.at(at) === DEAD;
    else if (field === PARENT) this.parent = line.numberAt(at);
    else if (field >= FIRST_TICKS && field <= LAST_TICKS) this.ticks += line.numberAt(at);
    else if (field === THREADS) this.threads = line.numberAt(at);
    else if (field === START) this.start = line.numberAt(at);
    else if (field === RESIDENT) this.residentPages = line.numberAt(at);
  }
}

/** Whether the process of this line is called `name`. */
export function isNamed(line: Bytes, name: string): bool {
  const from = line.indexOf(OPENING, 0) + 1;
  return from > 0 && line.lastIndexOf(CLOSING) === from + name.length && line.hasAt(from, name);
}

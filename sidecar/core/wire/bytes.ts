/** A buffer of fixed capacity that text and numbers are appended to: what strings are to a core that never allocates. */

export const CR: i32 = 13;
export const LF: i32 = 10;
/** The largest whole number that is exact. */
export const MAX_NUMBER: f64 = 9_007_199_254_740_991;
const SPACE: i32 = 32;
const ZERO: i32 = 48;
const NINE: i32 = 57;

export class Bytes {
  readonly buffer: Uint8Array;
  length: i32 = 0;

  constructor(capacity: i32) {
    this.buffer = new Uint8Array(capacity);
  }

  room(): i32 {
    return this.buffer.length - this.length;
  }

  clear(): Bytes {
    this.length = 0;
    return this;
  }

  at(index: i32): i32 {
    return this.buffer[index] as i32;
  }

  set(index: i32, value: i32): void {
    this.buffer[index] = (value & 255) as u8;
  }

  /** What does not fit is left out; owners size their buffers for the longest that settings allow. */
  byte(value: i32): Bytes {
    if (this.length < this.buffer.length) {
      this.buffer[this.length] = (value & 255) as u8;
      this.length = this.length + 1;
    }
    return this;
  }

  text(value: string): Bytes {
    for (let i: i32 = 0; i < value.length; i++) this.byte(value.charCodeAt(i) as i32);
    return this;
  }

  append(other: Bytes): Bytes {
    return this.part(other, 0, other.length);
  }

  part(other: Bytes, from: i32, to: i32): Bytes {
    for (let i: i32 = from; i < to; i++) this.byte(other.at(i));
    return this;
  }

  /** A whole number from 0 to MAX_NUMBER, in decimal. */
  number(value: f64): Bytes {
    let rest = Math.floor(Math.min(Math.max(value, 0), MAX_NUMBER));
    let unit: f64 = 1;
    while (rest / unit >= 10) unit = unit * 10;
    while (unit >= 1) {
      const digit = Math.floor(rest / unit);
      this.byte(ZERO + (digit as i32));
      rest = rest - digit * unit;
      unit = Math.floor(unit / 10);
    }
    return this;
  }

  /** Gives up the first `count` bytes. */
  shift(count: i32): void {
    this.remove(0, count);
  }

  /** Gives up `count` bytes from `from` on. */
  remove(from: i32, count: i32): void {
    this.buffer.copyWithin(from, from + count, this.length);
    this.length = this.length - count;
  }

  equals(value: string): bool {
    return this.length === value.length && this.isAt(0, value);
  }

  /** Whether exactly `value` stands at `index`. */
  isAt(index: i32, value: string): bool {
    if (index < 0 || index + value.length > this.length) return false;
    for (let i: i32 = 0; i < value.length; i++) {
      if (this.at(index + i) !== (value.charCodeAt(i) as i32)) return false;
    }
    return true;
  }

  /** Whether `value` (in lower case) stands at `index`, in whatever case. */
  hasAt(index: i32, value: string): bool {
    if (index < 0 || index + value.length > this.length) return false;
    for (let i: i32 = 0; i < value.length; i++) {
      if (lower(this.at(index + i)) !== lower(value.charCodeAt(i) as i32)) return false;
    }
    return true;
  }

  indexOf(value: i32, from: i32): i32 {
    for (let i: i32 = from; i < this.length; i++) if (this.at(i) === value) return i;
    return -1;
  }

  lastIndexOf(value: i32): i32 {
    let i = this.length - 1;
    while (i >= 0 && this.at(i) !== value) i--;
    return i;
  }

  /** The index after the digits at `index`. */
  digitsEnd(index: i32): i32 {
    let i = index;
    while (i < this.length && isDigit(this.at(i))) i++;
    return i;
  }

  /** The number whose digits stand at `index`, at most MAX_NUMBER; 0 when there are none. */
  numberAt(index: i32): f64 {
    const end = this.digitsEnd(index);
    let value: f64 = 0;
    for (let i: i32 = index; i < end; i++) value = value * 10 + ((this.at(i) - ZERO) as f64);
    return Math.min(value, MAX_NUMBER);
  }

  blanksEnd(index: i32): i32 {
    let i = index;
    while (i < this.length && isBlank(this.at(i))) i++;
    return i;
  }

  /** Where the next word starts after the one at `index`; the length when there is none. */
  nextWord(index: i32): i32 {
    let i = index;
    while (i < this.length && !isBlank(this.at(i))) i++;
    return this.blanksEnd(i);
  }
}

export function isDigit(value: i32): bool {
  return value >= ZERO && value <= NINE;
}

export function isBlank(value: i32): bool {
  return value === SPACE || (value >= 9 && value <= CR);
}

/** ASCII that a terminal shows. */
export function isPrintable(value: i32): bool {
  return value >= SPACE && value < 127;
}

/** The same without the blank. */
export function isVisible(value: i32): bool {
  return value !== SPACE && isPrintable(value);
}

function lower(value: i32): i32 {
  return value >= 65 && value <= 90 ? value + 32 : value;
}

export function bytesOf(value: string): Bytes {
  return new Bytes(value.length).text(value);
}

/** The last commit of which every event is acknowledged: a number in a file, overwritten in place. */
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const DIGITS = 16;

export class Cursor {
  #descriptor: number | undefined;
  #value = 0;

  constructor(dataDir: string | undefined) {
    if (dataDir === undefined) return;
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const path = join(dataDir, "cursor");
    this.#descriptor = openSync(path, "a+", 0o600);
    const text = readFileSync(path, "utf8");
    closeSync(this.#descriptor);
    this.#descriptor = openSync(path, "r+");
    // Anything but a whole number means: start over, which only repeats deliveries.
    if (/^\d{16}$/.test(text)) this.#value = Number(text);
  }

  get value(): number {
    return this.#value;
  }

  /** The value, which from now on survives a crash of the machine too. */
  durable(): number {
    if (this.#descriptor !== undefined) fdatasyncSync(this.#descriptor);
    return this.#value;
  }

  /** One write of fixed width: a kill leaves the old number or the new one. */
  advance(sequence: number): void {
    if (sequence > this.#value) this.#set(sequence);
  }

  startOver(): void {
    this.#set(0);
  }

  #set(sequence: number): void {
    this.#value = sequence;
    if (this.#descriptor === undefined) return;
    writeSync(this.#descriptor, String(sequence).padStart(DIGITS, "0"), 0);
  }

  close(): void {
    this.durable();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

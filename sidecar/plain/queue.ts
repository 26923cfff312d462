/** Lines waiting for the collector: bounded, the oldest go first, never those on the wire. */

/** About half a minute of lines at the fastest probing. */
const MAX_BYTES = 8192;

export class LineQueue {
  /** Lines given up since the start. */
  dropped = 0;
  private lines: string[] = [];
  private bytes = 0;
  /** The first so many lines are on the wire. */
  private inFlight = 0;

  get length(): number {
    return this.lines.length;
  }

  add(line: string): void {
    this.lines.push(line);
    this.bytes += line.length;
    while (this.bytes > MAX_BYTES && this.lines.length > this.inFlight + 1) {
      const [oldest = ""] = this.lines.splice(this.inFlight, 1);
      this.bytes -= oldest.length;
      this.dropped++;
    }
  }

  /** All waiting lines, from now on in flight. */
  take(): string {
    this.inFlight = this.lines.length;
    return this.lines.join("");
  }

  /** The lines in flight arrived. */
  delivered(): void {
    const gone = this.lines.splice(0, this.inFlight);
    for (const line of gone) this.bytes -= line.length;
    this.inFlight = 0;
  }

  /** The collector will never take the lines in flight. */
  refused(): void {
    this.dropped += this.inFlight;
    this.delivered();
  }

  /** The lines in flight may not have arrived and are sent again. */
  putBack(): void {
    this.inFlight = 0;
  }
}

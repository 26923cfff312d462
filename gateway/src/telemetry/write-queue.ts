/** A few writes at a time: what decisions hang on first, then the rest, each in the order it came. */
export interface QueuedWrite {
  /** Writes what is the latest by then. Never rejects. */
  write(): Promise<void>;
}

/** Of so many writes one is none of the urgent ones, however many of them wait: a document that is never renewed expires. */
const TURNS = 4;

export class WriteQueue {
  private readonly atOnce: number;
  private readonly urgent = new Set<QueuedWrite>();
  private readonly others = new Set<QueuedWrite>();
  private count = 0;
  private turn = 0;

  constructor(atOnce: number) {
    this.atOnce = atOnce;
  }

  get running(): number {
    return this.count;
  }

  get waiting(): number {
    return this.urgent.size + this.others.size;
  }

  /** One that waits already keeps its place, or moves to the urgent ones. It must not be running. */
  add(write: QueuedWrite, isUrgent: boolean): void {
    if (!isUrgent && this.urgent.has(write)) return;
    if (isUrgent) this.others.delete(write);
    (isUrgent ? this.urgent : this.others).add(write);
    this.fill();
  }

  private fill(): void {
    while (this.count < this.atOnce) {
      const next = this.take();
      if (next === undefined) return;
      void this.run(next);
    }
  }

  private take(): QueuedWrite | undefined {
    const isOthersTurn = this.others.size > 0 && this.turn >= TURNS - 1;
    const from = this.urgent.size > 0 && !isOthersTurn ? this.urgent : this.others;
    const [next] = from;
    if (next === undefined) return undefined;
    this.turn = from === this.urgent ? this.turn + 1 : 0;
    from.delete(next);
    return next;
  }

  private async run(write: QueuedWrite): Promise<void> {
    this.count++;
    await write.write();
    this.count--;
    this.fill();
  }
}

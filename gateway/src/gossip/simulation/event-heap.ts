/** What is to happen, the earliest first; of two at one time the one that was put in first. */
interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class EventHeap {
  private readonly entries: Entry[] = [];
  private order = 0;

  get earliest(): number {
    return this.entries[0]?.at ?? Infinity;
  }

  push(at: number, run: () => void): void {
    const entries = this.entries;
    entries.push({ at, order: this.order++, run });
    let index = entries.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.isBefore(index, parent)) break;
      this.swap(index, parent);
      index = parent;
    }
  }

  pop(): Entry | undefined {
    const entries = this.entries;
    this.swap(0, entries.length - 1);
    const first = entries.pop();
    let index = 0;
    for (;;) {
      let smallest = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < entries.length && this.isBefore(child, smallest)) smallest = child;
      }
      if (smallest === index) return first;
      this.swap(index, smallest);
      index = smallest;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const one = this.entries[a];
    const other = this.entries[b];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  private swap(a: number, b: number): void {
    const { entries } = this;
    const one = entries[a];
    const other = entries[b];
    if (one === undefined || other === undefined) return;
    entries[a] = other;
    entries[b] = one;
  }
}

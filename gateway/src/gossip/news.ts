/** Tells what is new from what is said again and again: attempts that go on for ever fail for ever, too. */
const REPEAT_MS = 60_000;
/** Of subjects; others choose their own names, so they decide how many there are. */
const MAX_SUBJECTS = 1024;

export class News {
  private readonly now: () => number;
  private readonly told = new Map<string, { readonly what: string; readonly at: number }>();

  constructor(now: () => number) {
    this.now = now;
  }

  /** Whether something else was last told of the subject, or nothing for a minute; it counts as told then. */
  isNew(subject: string, what: string): boolean {
    const at = this.now();
    const last = this.told.get(subject);
    if (last?.what === what && at - last.at < REPEAT_MS) return false;
    if (this.told.size >= MAX_SUBJECTS) this.told.clear();
    this.told.set(subject, { what, at });
    return true;
  }

  /** It is over: when it comes again, it is new. */
  forget(subject: string): void {
    this.told.delete(subject);
  }
}

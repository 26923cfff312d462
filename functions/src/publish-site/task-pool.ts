/** Runs tasks side by side, so many at once and so many bytes at once. */
export class TaskPool {
  private readonly most: number;
  private readonly mostBytes: number;
  private readonly running = new Set<Promise<void>>();
  private bytes = 0;
  private failure: { readonly error: unknown } | null = null;

  constructor(most: number, mostBytes: number) {
    this.most = most;
    this.mostBytes = mostBytes;
  }

  /** Resolves once the task has begun, rejects when one before it failed. A task too large for the pool runs alone. */
  async begin(bytes: number, task: () => Promise<void>): Promise<void> {
    while (
      this.running.size > 0 &&
      (this.running.size >= this.most || this.bytes + bytes > this.mostBytes)
    )
      await Promise.race(this.running);
    this.rethrow();
    this.bytes += bytes;
    const run: Promise<void> = task()
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.bytes -= bytes;
        this.running.delete(run);
      });
    this.running.add(run);
  }

  /** Resolves once all have ended, rejects when one failed. */
  async end(): Promise<void> {
    while (this.running.size > 0) await Promise.race(this.running);
    this.rethrow();
  }

  private rethrow(): void {
    if (this.failure !== null) throw this.failure.error;
  }
}

export interface EventBus {
  /** Resolves when the message is stored; delivery is at least once. */
  publish(
    topic: string,
    message: unknown,
    attributes?: Readonly<Record<string, string>>,
  ): Promise<void>;
}

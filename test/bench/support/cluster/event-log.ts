/** What one node reported so far, and who waits for more of it. */
import type { NodeEvent } from "./contender.ts";

export class EventLog {
  readonly events: NodeEvent[] = [];
  private readonly listeners = new Set<(event: NodeEvent) => void>();

  add(event: NodeEvent): void {
    this.events.push(event);
    for (const listener of this.listeners) listener(event);
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

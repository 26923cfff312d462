/** What the journal says, and the state that reading it from the start leads to. */
import type { StoredMessage } from "./message.ts";
import type { Entry } from "./subscription-queue.ts";
import type { Subscription } from "./subscription.ts";

export interface Topic {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type Fact =
  | { readonly kind: "topic"; readonly topic: Topic }
  | { readonly kind: "topic-deleted"; readonly name: string }
  | { readonly kind: "subscription"; readonly subscription: Subscription }
  | { readonly kind: "subscription-deleted"; readonly name: string }
  | { readonly kind: "message"; readonly message: StoredMessage; readonly to: readonly string[] }
  | { readonly kind: "tried"; readonly in: string; readonly attempts: Record<string, number> }
  | { readonly kind: "acked"; readonly in: string; readonly ids: readonly string[] }
  | { readonly kind: "last-id"; readonly id: number };

export interface Replayed {
  readonly topics: Map<string, Topic>;
  readonly subscriptions: Map<string, Subscription>;
  /** Unacknowledged messages by subscription and id, in publish order. */
  readonly pending: Map<string, Map<string, Entry>>;
  lastId: number;
}

export const DELETED_TOPIC = "_deleted-topic_";

export function emptyReplay(): Replayed {
  return { topics: new Map(), subscriptions: new Map(), pending: new Map(), lastId: 0 };
}

export function replay(state: Replayed, fact: Fact): void {
  switch (fact.kind) {
    case "topic":
    case "topic-deleted":
      return replayTopic(state, fact);
    case "subscription":
    case "subscription-deleted":
      return replaySubscription(state, fact);
    case "message":
      state.lastId = Math.max(state.lastId, Number(fact.message.id));
      for (const name of fact.to) {
        state.pending.get(name)?.set(fact.message.id, { message: fact.message, attempt: 0 });
      }
      return;
    case "tried":
    case "acked":
      return replayProgress(state, fact);
    case "last-id":
      state.lastId = Math.max(state.lastId, fact.id);
  }
}

function replayTopic(
  state: Replayed,
  fact: Extract<Fact, { kind: "topic" | "topic-deleted" }>,
): void {
  if (fact.kind === "topic") return void state.topics.set(fact.topic.name, fact.topic);
  state.topics.delete(fact.name);
  for (const [name, subscription] of state.subscriptions) {
    if (subscription.topic !== fact.name) continue;
    state.subscriptions.set(name, { ...subscription, topic: DELETED_TOPIC });
  }
}

function replaySubscription(
  state: Replayed,
  fact: Extract<Fact, { kind: "subscription" | "subscription-deleted" }>,
): void {
  if (fact.kind === "subscription-deleted") {
    state.subscriptions.delete(fact.name);
    state.pending.delete(fact.name);
    return;
  }
  const { name } = fact.subscription;
  state.subscriptions.set(name, fact.subscription);
  if (!state.pending.has(name)) state.pending.set(name, new Map());
}

function replayProgress(state: Replayed, fact: Extract<Fact, { kind: "tried" | "acked" }>): void {
  const pending = state.pending.get(fact.in);
  if (fact.kind === "acked") {
    for (const id of fact.ids) pending?.delete(id);
    return;
  }
  for (const [id, attempt] of Object.entries(fact.attempts)) {
    const entry = pending?.get(id);
    if (entry !== undefined) entry.attempt = attempt;
  }
}

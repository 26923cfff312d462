/** Topics, subscriptions and messages; whatever it promises is in the journal before it says so. */
import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { DELETED_TOPIC, emptyReplay, replay } from "./facts.ts";
import type { Fact, Topic } from "./facts.ts";
import { parseFilter } from "./filter.ts";
import type { MessageFilter } from "./filter.ts";
import { GrpcError } from "../serving/grpc-service.ts";
import { Journal } from "../files/journal.ts";
import { checkMessages } from "./message.ts";
import type { OutgoingMessage, StoredMessage } from "./message.ts";
import { SubscriptionQueue } from "./subscription-queue.ts";
import type { Entry } from "./subscription-queue.ts";
import type { PushTarget, Subscription } from "./subscription.ts";

/** The journal is rewritten when it is larger than this and than four times its last rewritten size. */
const COMPACT_ABOVE_BYTES = 16 * 1024 * 1024;

export interface BrokerOptions {
  readonly journalPath: string | undefined;
  readonly timers: Timers;
  readonly log: Logger;
  /** Called for each subscription that exists, now or later. */
  readonly onSubscription: (queue: SubscriptionQueue) => void;
}

interface Member {
  readonly queue: SubscriptionQueue;
  readonly accepts: MessageFilter;
  deadLettered: number;
}

export class Broker {
  readonly #options: BrokerOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #members = new Map<string, Member>();
  readonly #journal: Journal;
  #lastId = 0;
  #compactedBytes = 0;
  #published = 0;

  constructor(options: BrokerOptions) {
    this.#options = options;
    const state = emptyReplay();
    this.#journal = Journal.open(options.journalPath, (record) => {
      for (const fact of record as readonly Fact[]) replay(state, fact);
    });
    this.#lastId = state.lastId;
    for (const topic of state.topics.values()) this.#topics.set(topic.name, topic);
    for (const subscription of state.subscriptions.values()) {
      const { queue } = this.#addMember(subscription);
      const oldest = options.timers.now() - subscription.retentionSeconds * 1000;
      const pending = [...(state.pending.get(subscription.name)?.values() ?? [])];
      for (const entry of pending) if (entry.message.at >= oldest) queue.offer(entry);
    }
    this.compact();
  }

  topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw notFound("Topic", name);
    return topic;
  }

  topics(): Topic[] {
    return [...this.#topics.values()];
  }

  queue(name: string): SubscriptionQueue {
    return this.#member(name).queue;
  }

  subscriptions(): Subscription[] {
    return [...this.#members.values()].map(({ queue }) => queue.config);
  }

  createTopic(topic: Topic): void {
    if (this.#topics.has(topic.name)) throw alreadyExists("Topic", topic.name);
    this.#journal.append([{ kind: "topic", topic }] satisfies Fact[]);
    this.#topics.set(topic.name, topic);
  }

  /** Its subscriptions keep what they hold and belong to no topic from now on. */
  deleteTopic(name: string): void {
    this.topic(name);
    this.#journal.append([{ kind: "topic-deleted", name }] satisfies Fact[]);
    this.#topics.delete(name);
    for (const { queue } of this.#members.values()) {
      if (queue.config.topic === name) queue.config = { ...queue.config, topic: DELETED_TOPIC };
    }
  }

  createSubscription(subscription: Subscription): void {
    this.topic(subscription.topic);
    if (this.#members.has(subscription.name)) {
      throw alreadyExists("Subscription", subscription.name);
    }
    this.#journal.append([{ kind: "subscription", subscription }] satisfies Fact[]);
    this.#addMember(subscription);
  }

  /** Changes everything but the topic, the filter and the ordering, which are for life. */
  reconfigure(subscription: Subscription): void {
    const { queue } = this.#member(subscription.name);
    const { topic, filter, ordered } = queue.config;
    const next = { ...subscription, topic, filter, ordered };
    this.#journal.append([{ kind: "subscription", subscription: next }] satisfies Fact[]);
    queue.config = next;
    queue.wake();
  }

  setPush(name: string, push: PushTarget | undefined): void {
    const { push: _, ...rest } = this.queue(name).config;
    this.reconfigure(push === undefined ? rest : { ...rest, push });
  }

  deleteSubscription(name: string): void {
    const { queue } = this.#member(name);
    this.#journal.append([{ kind: "subscription-deleted", name }] satisfies Fact[]);
    queue.close();
    this.#members.delete(name);
  }

  /** Ids of the messages, which are in the journal by then. */
  publish(topic: string, messages: readonly OutgoingMessage[]): string[] {
    this.topic(topic);
    checkMessages(messages);
    const stored = messages.map((message) => this.#stored(message));
    this.#deliver(topic, stored, []);
    this.#published += stored.length;
    if (this.#journal.bytes > Math.max(COMPACT_ABOVE_BYTES, 4 * this.#compactedBytes)) {
      this.compact();
    }
    return stored.map(({ id }) => id);
  }

  /** Writes the journal anew from what is alive. */
  compact(): void {
    this.#journal.rewrite(this.#snapshot());
    this.#compactedBytes = this.#journal.bytes;
  }

  counts(): Readonly<Record<string, unknown>> {
    const subscriptions = [...this.#members].map(([name, { queue, deadLettered }]) => {
      const { backlog, outstanding } = queue;
      return [shortName(name), { backlog, outstanding, deadLettered }] as const;
    });
    return {
      topics: this.#topics.size,
      published: this.#published,
      journalBytes: this.#journal.bytes,
      subscriptions: Object.fromEntries(subscriptions),
    };
  }

  close(): void {
    for (const { queue } of this.#members.values()) queue.close();
    this.#journal.close();
  }

  #stored(message: OutgoingMessage): StoredMessage {
    this.#lastId += 1;
    return {
      id: String(this.#lastId),
      at: this.#options.timers.now(),
      data: Buffer.from(message.data ?? "").toString("base64"),
      attributes: message.attributes ?? {},
      orderingKey: message.orderingKey ?? "",
    };
  }

  /** One journal record for all messages and whatever belongs to the same step. */
  #deliver(topic: string, messages: readonly StoredMessage[], also: readonly Fact[]): void {
    const members = [...this.#members].filter(([, { queue }]) => queue.config.topic === topic);
    const routed = messages.map((message) => ({
      message,
      to: members.filter(([, { accepts }]) => accepts(message.attributes)),
    }));
    const facts = routed
      .filter(({ to }) => to.length > 0)
      .map(({ message, to }): Fact => ({ kind: "message", message, to: to.map(([name]) => name) }));
    this.#journal.append([...facts, ...also, { kind: "last-id", id: this.#lastId }]);
    for (const { message, to } of routed) {
      for (const [, { queue }] of to) queue.offer({ message, attempt: 0 });
    }
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw notFound("Subscription", name);
    return member;
  }

  #addMember(subscription: Subscription): Member {
    const { name, filter } = subscription;
    const queue = new SubscriptionQueue(subscription, {
      timers: this.#options.timers,
      newAckId: randomUUID,
      onLeased: (entries) => this.#journalAttempts(name, entries),
      onAcked: (entries) => {
        const ids = entries.map(({ message }) => message.id);
        this.#journal.append([{ kind: "acked", in: name, ids }] satisfies Fact[]);
      },
      onExhausted: (entry) => this.#deadLetter(name, entry),
    });
    const accepts = parseFilter(filter) ?? (() => true);
    const member = { queue, accepts, deadLettered: 0 };
    this.#members.set(name, member);
    this.#options.onSubscription(queue);
    return member;
  }

  #journalAttempts(name: string, entries: readonly Entry[]): boolean {
    const attempts = Object.fromEntries(entries.map((entry) => [entry.message.id, entry.attempt]));
    return this.#stores([{ kind: "tried", in: name, attempts }]);
  }

  /** For what nobody waits for: a failure is logged and answered by trying again later. */
  #stores(facts: readonly Fact[]): boolean {
    try {
      this.#journal.append(facts);
      return true;
    } catch (error) {
      this.#options.log.error("journal cannot be written", { error: messageOf(error) });
      return false;
    }
  }

  /** Leaves the subscription and enters the dead-letter topic in one journal record. */
  #deadLetter(name: string, { message, attempt }: Entry): boolean {
    const member = this.#member(name);
    const topic = member.queue.config.deadLetter?.topic;
    if (topic === undefined || !this.#topics.has(topic)) return false;
    const copy = this.#stored({
      data: Buffer.from(message.data, "base64"),
      orderingKey: message.orderingKey,
      attributes: {
        ...message.attributes,
        CloudPubSubDeadLetterSourceSubscription: shortName(name),
        CloudPubSubDeadLetterSourceSubscriptionProject: name.split("/")[1] ?? "",
        CloudPubSubDeadLetterSourceDeliveryCount: String(attempt),
        CloudPubSubDeadLetterSourceTopicPublishTime: new Date(message.at).toISOString(),
      },
    });
    try {
      this.#deliver(topic, [copy], [{ kind: "acked", in: name, ids: [message.id] }]);
    } catch (error) {
      this.#options.log.error("message not dead-lettered", { error: messageOf(error) });
      return false;
    }
    member.deadLettered += 1;
    return true;
  }

  *#snapshot(): Generator<readonly Fact[]> {
    yield [{ kind: "last-id", id: this.#lastId }];
    for (const topic of this.#topics.values()) yield [{ kind: "topic", topic }];
    const messages = new Map<string, { message: StoredMessage; to: string[]; tried: Fact[] }>();
    for (const [name, { queue }] of this.#members) {
      yield [{ kind: "subscription", subscription: queue.config }];
      for (const { message, attempt } of queue.entries()) {
        const seen = messages.get(message.id) ?? { message, to: [], tried: [] };
        seen.to.push(name);
        const attempts = { [message.id]: attempt };
        if (attempt > 0) seen.tried.push({ kind: "tried", in: name, attempts });
        messages.set(message.id, seen);
      }
    }
    const inOrder = [...messages.values()].toSorted(
      (a, b) => Number(a.message.id) - Number(b.message.id),
    );
    for (const { message, to, tried } of inOrder)
      yield [{ kind: "message", message, to }, ...tried];
  }
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function notFound(kind: string, name: string): GrpcError {
  const resource = shortName(name);
  return new GrpcError(status.NOT_FOUND, `${kind} not found (resource=${resource}).`);
}

function alreadyExists(kind: string, name: string): GrpcError {
  const resource = shortName(name);
  return new GrpcError(
    status.ALREADY_EXISTS,
    `${kind} already exists in the project (resource=${resource}).`,
  );
}

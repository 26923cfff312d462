/** Stand-in for Cloud Pub/Sub: gRPC for the stock client, authenticated push, messages that survive a kill. */
import { join } from "node:path";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { Broker } from "./broker.ts";
import { serveGrpc } from "../serving/grpc-service.ts";
import type { OutgoingMessage } from "./message.ts";
import { publisherMethods } from "./publisher.ts";
import { attachPush } from "./push-delivery.ts";
import { subscriberMethods } from "./subscriber.ts";
import { subscriptionOf } from "./subscription.ts";
import type { SubscriptionProto } from "./subscription.ts";

export interface PubSubOptions extends StandInOptions {
  readonly projectId: string;
  /** ID token for push with OIDC. */
  readonly idToken: (serviceAccountEmail: string, audience: string) => Promise<string>;
  /** Push requests in flight per subscription; default 50. */
  readonly pushConcurrency?: number;
}

/** Short names (`deploy-events`) or full ones (`projects/P/topics/deploy-events`). */
export interface RunningPubSub extends RunningStandIn {
  /** Ids of the messages; when it resolves they are on disk. */
  publish(topic: string, messages: readonly OutgoingMessage[]): Promise<string[]>;
  /** Creates the topic unless it exists. */
  ensureTopic(name: string): Promise<void>;
  /** Creates the subscription, or gives an existing one these settings (topic, filter, ordering stay). */
  ensureSubscription(subscription: SubscriptionProto): Promise<void>;
}

const DEFAULT_PUSH_CONCURRENCY = 50;

export async function startPubSub(options: PubSubOptions): Promise<RunningPubSub> {
  const { dataDir, projectId, timers, log, idToken } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const concurrency = options.pushConcurrency ?? DEFAULT_PUSH_CONCURRENCY;
  const broker = new Broker({
    journalPath: dataDir === undefined ? undefined : join(dataDir, "journal"),
    timers,
    log,
    onSubscription: (queue) => attachPush(queue, { idToken, log, concurrency, signal }),
  });
  const server = await serveGrpc({
    protos: "@google-cloud/pubsub/build/protos/protos.json",
    port: options.port,
    services: {
      "google.pubsub.v1.Publisher": publisherMethods(broker, log),
      "google.pubsub.v1.Subscriber": subscriberMethods(broker, timers, log),
    },
  });
  const full = (kind: "topics" | "subscriptions", name: string) =>
    name.startsWith("projects/") ? name : `projects/${projectId}/${kind}/${name}`;
  return {
    product: "pubsub",
    host: "127.0.0.1",
    port: server.port,
    publish: async (topic, messages) => broker.publish(full("topics", topic), messages),
    async ensureTopic(name) {
      const topic = full("topics", name);
      if (broker.topics().some((known) => known.name === topic)) return;
      broker.createTopic({ name: topic, labels: {} });
    },
    async ensureSubscription(proto) {
      const policy = proto.deadLetterPolicy;
      const deadLetterTopic = policy?.deadLetterTopic ?? "";
      const subscription = subscriptionOf({
        ...proto,
        name: full("subscriptions", proto.name),
        topic: full("topics", proto.topic),
        ...(deadLetterTopic === ""
          ? {}
          : { deadLetterPolicy: { ...policy, deadLetterTopic: full("topics", deadLetterTopic) } }),
      });
      const exists = broker.subscriptions().some(({ name }) => name === subscription.name);
      if (exists) broker.reconfigure(subscription);
      else broker.createSubscription(subscription);
    },
    info: () => broker.counts(),
    async stop() {
      stopping.abort();
      await server.stop();
      broker.close();
    },
  };
}

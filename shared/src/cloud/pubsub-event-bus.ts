import type { PubSub } from "@google-cloud/pubsub";
import type { EventBus } from "../ports/event-bus.ts";

/** PUBSUB_EMULATOR_HOST, which the client reads itself, points it at another server. */
export async function pubsubEventBus(options: { projectId: string }): Promise<EventBus> {
  const { PubSub } = await import("@google-cloud/pubsub");
  const client: PubSub = new PubSub({ projectId: options.projectId });
  const topics = new Map<string, ReturnType<PubSub["topic"]>>();
  return {
    async publish(topic, message, attributes = {}) {
      let handle = topics.get(topic);
      if (handle === undefined) {
        // A transition is published alone and at once: waiting to fill a batch would only add latency.
        handle = client.topic(topic, { batching: { maxMessages: 1 } });
        topics.set(topic, handle);
      }
      await handle.publishMessage({ json: message, attributes });
    },
  };
}

/** Delivers one subscription's messages by authenticated POST, a bounded number at a time. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { post } from "../serving/post.ts";
import type { Delivery, SubscriptionQueue } from "./subscription-queue.ts";
import type { PushTarget, Subscription } from "./subscription.ts";

export interface PushDependencies {
  readonly idToken: (serviceAccountEmail: string, audience: string) => Promise<string>;
  readonly log: Logger;
  /** Requests in flight per subscription. */
  readonly concurrency: number;
  /** Ends every request when the stand-in stops. */
  readonly signal: AbortSignal;
}

/** Statuses that acknowledge; every other answer, and none, is a failed delivery. */
const ACKNOWLEDGING = new Set([102, 200, 201, 202, 204]);

/** Takes messages whenever the subscription has a push endpoint, and leaves them alone otherwise. */
export function attachPush(queue: SubscriptionQueue, dependencies: PushDependencies): void {
  let inFlight = 0;
  const pump = (): void => {
    const { push } = queue.config;
    if (push === undefined || dependencies.signal.aborted) return;
    const room = dependencies.concurrency - inFlight;
    if (room <= 0) return;
    for (const delivery of queue.take(room)) {
      inFlight += 1;
      void settle(delivery, push);
    }
  };
  const settle = async (delivery: Delivery, push: PushTarget): Promise<void> => {
    const acknowledged = await deliver(queue.config, push, delivery, dependencies);
    inFlight -= 1;
    if (dependencies.signal.aborted) return;
    try {
      if (acknowledged) queue.ack([delivery.ackId]);
      else queue.nack(delivery.ackId);
    } catch (error) {
      dependencies.log.error("outcome of a push not stored", { error: messageOf(error) });
    }
    pump();
  };
  queue.consumers.add(pump);
}

async function deliver(
  subscription: Subscription,
  push: PushTarget,
  delivery: Delivery,
  { idToken, log, signal }: PushDependencies,
): Promise<boolean> {
  const facts = { subscription: subscription.name, messageId: delivery.message.id };
  try {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (push.serviceAccount !== undefined) {
      const token = await idToken(push.serviceAccount, push.audience ?? push.endpoint);
      headers["authorization"] = `Bearer ${token}`;
    }
    const body = JSON.stringify(pushBody(subscription, delivery));
    const timeoutMs = subscription.ackDeadlineSeconds * 1000;
    const answer = await post({ url: push.endpoint, headers, body, timeoutMs, signal });
    if (ACKNOWLEDGING.has(answer)) return true;
    log.warn("push refused", { ...facts, status: answer, attempt: delivery.attempt });
  } catch (error) {
    if (signal.aborted) return false;
    log.warn("push failed", { ...facts, error: messageOf(error), attempt: delivery.attempt });
  }
  return false;
}

function pushBody(subscription: Subscription, { message, attempt }: Delivery): object {
  const publishTime = new Date(message.at).toISOString();
  return {
    message: {
      data: message.data,
      attributes: message.attributes,
      messageId: message.id,
      message_id: message.id,
      publishTime,
      publish_time: publishTime,
      ...(message.orderingKey === "" ? {} : { orderingKey: message.orderingKey }),
    },
    subscription: subscription.name,
    ...(subscription.deadLetter === undefined ? {} : { deliveryAttempt: attempt }),
  };
}

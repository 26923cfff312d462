/** The Subscriber service. UpdateSubscription, snapshots and Seek are UNIMPLEMENTED. */
import { status } from "@grpc/grpc-js";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Broker } from "./broker.ts";
import { GrpcError, page, unary } from "../serving/grpc-service.ts";
import { checkName } from "./publisher.ts";
import type { Paged } from "./publisher.ts";
import { received, streamingPull } from "./streaming-pull.ts";
import type { SubscriptionQueue } from "./subscription-queue.ts";
import { protoOf, pushTargetOf, subscriptionOf } from "./subscription.ts";
import type { PushConfigProto, SubscriptionProto } from "./subscription.ts";

interface BySubscription {
  readonly subscription: string;
}
interface WithAckIds extends BySubscription {
  readonly ackIds: readonly string[];
}
interface PullRequest extends BySubscription {
  readonly maxMessages: number;
  readonly returnImmediately: boolean;
}

/** A Pull with nothing to give waits this long before it answers empty. */
const PULL_WAIT_MS = 5000;

export function subscriberMethods(
  broker: Broker,
  timers: Timers,
  log: Logger,
): UntypedServiceImplementation {
  return {
    CreateSubscription: unary(log, (request: SubscriptionProto) => {
      checkName("subscriptions", request.name);
      broker.createSubscription(subscriptionOf(request));
      return protoOf(broker.queue(request.name).config);
    }),
    GetSubscription: unary(log, (request: BySubscription) =>
      protoOf(broker.queue(request.subscription).config),
    ),
    ListSubscriptions: unary(log, (request: Paged & { readonly project: string }) => {
      const prefix = `${request.project}/`;
      const inProject = broker.subscriptions().filter(({ name }) => name.startsWith(prefix));
      const { items, nextPageToken } = page(inProject, request);
      return { subscriptions: items.map(protoOf), nextPageToken };
    }),
    DeleteSubscription: unary(log, (request: BySubscription) =>
      broker.deleteSubscription(request.subscription),
    ),
    ModifyPushConfig: unary(
      log,
      (request: BySubscription & { readonly pushConfig: PushConfigProto | null }) =>
        broker.setPush(request.subscription, pushTargetOf(request.pushConfig)),
    ),
    Acknowledge: unary(log, (request: WithAckIds) =>
      broker.queue(request.subscription).ack(request.ackIds),
    ),
    ModifyAckDeadline: unary(log, (request: WithAckIds & { ackDeadlineSeconds: number }) =>
      modifyDeadlines(broker.queue(request.subscription), request),
    ),
    Pull: unary(log, (request: PullRequest) => pull(broker, timers, request)),
    StreamingPull: streamingPull(broker, log) as never,
  };
}

function modifyDeadlines(
  queue: SubscriptionQueue,
  request: { readonly ackIds: readonly string[]; readonly ackDeadlineSeconds: number },
): void {
  const seconds = request.ackDeadlineSeconds;
  if (seconds < 0 || seconds > 600) {
    const message = `ack_deadline_seconds is ${seconds}; it must be between 0 and 600.`;
    throw new GrpcError(status.INVALID_ARGUMENT, message);
  }
  for (const ackId of request.ackIds) queue.extend(ackId, seconds);
}

async function pull(broker: Broker, timers: Timers, request: PullRequest): Promise<object> {
  const queue = broker.queue(request.subscription);
  if (request.maxMessages <= 0) {
    throw new GrpcError(status.INVALID_ARGUMENT, "max_messages must be positive.");
  }
  let deliveries = queue.take(request.maxMessages);
  if (deliveries.length === 0 && !request.returnImmediately) {
    await somethingReady(queue, timers);
    deliveries = queue.take(request.maxMessages);
  }
  return { receivedMessages: deliveries.map((delivery) => received(queue, delivery)) };
}

function somethingReady(queue: SubscriptionQueue, timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      queue.consumers.delete(done);
      resolve();
    };
    const timer = timers.after(PULL_WAIT_MS, done);
    queue.consumers.add(done);
  });
}

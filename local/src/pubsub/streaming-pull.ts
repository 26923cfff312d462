/** StreamingPull: messages flow to the client within its own bounds, acknowledgements flow back. */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Broker } from "./broker.ts";
import { grpcStatus } from "../serving/grpc-service.ts";
import { messageProto } from "./message.ts";
import type { Delivery, SubscriptionQueue } from "./subscription-queue.ts";

export interface StreamingPullRequest {
  readonly subscription: string;
  readonly ackIds: readonly string[];
  readonly modifyDeadlineSeconds: readonly number[];
  readonly modifyDeadlineAckIds: readonly string[];
  readonly streamAckDeadlineSeconds: number;
  readonly maxOutstandingMessages: string;
}

const DEFAULT_OUTSTANDING = 1000;
/** Messages per response, so that one response stays well below the message size limit of clients. */
const MAX_PER_RESPONSE = 100;

interface Stream {
  readonly queue: SubscriptionQueue;
  readonly maxOutstanding: number;
  deadlineSeconds: number;
  outstanding: number;
}

export function streamingPull(broker: Broker, log: Logger) {
  return (call: ServerDuplexStream<StreamingPullRequest, object>): void => {
    let stream: Stream | undefined;
    const pump = (): void => void (stream !== undefined && send(call, stream));
    const leave = (): void => void stream?.queue.consumers.delete(pump);
    call.on("data", (request: StreamingPullRequest) => {
      try {
        stream ??= open(broker, request, pump);
        receive(stream, request);
        stream.queue.wake();
      } catch (error) {
        leave();
        call.emit("error", grpcStatus(log, error));
      }
    });
    call.on("end", () => (leave(), call.end()));
    call.on("cancelled", leave);
    call.on("error", leave);
  };
}

function open(broker: Broker, request: StreamingPullRequest, pump: () => void): Stream {
  const queue = broker.queue(request.subscription);
  queue.consumers.add(pump);
  return {
    queue,
    maxOutstanding: Number(request.maxOutstandingMessages) || DEFAULT_OUTSTANDING,
    deadlineSeconds: queue.config.ackDeadlineSeconds,
    outstanding: 0,
  };
}

function receive(stream: Stream, request: StreamingPullRequest): void {
  if (request.streamAckDeadlineSeconds > 0) {
    stream.deadlineSeconds = request.streamAckDeadlineSeconds;
  }
  stream.queue.ack(request.ackIds);
  for (const [index, ackId] of request.modifyDeadlineAckIds.entries()) {
    stream.queue.extend(ackId, request.modifyDeadlineSeconds[index] ?? 0);
  }
}

function send(call: ServerDuplexStream<StreamingPullRequest, object>, stream: Stream): void {
  for (;;) {
    const room = Math.min(MAX_PER_RESPONSE, stream.maxOutstanding - stream.outstanding);
    if (room <= 0) return;
    const released = () => {
      stream.outstanding -= 1;
      stream.queue.wake();
    };
    const deliveries = stream.queue.take(room, stream.deadlineSeconds, released);
    if (deliveries.length === 0) return;
    stream.outstanding += deliveries.length;
    call.write({
      receivedMessages: deliveries.map((delivery) => received(stream.queue, delivery)),
    });
  }
}

/** `ReceivedMessage` of the API; the attempt is shown only with a dead-letter policy. */
export function received(queue: SubscriptionQueue, delivery: Delivery): object {
  return {
    ackId: delivery.ackId,
    message: messageProto(delivery.message),
    deliveryAttempt: queue.config.deadLetter === undefined ? 0 : delivery.attempt,
  };
}

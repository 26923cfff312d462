/** A published message: how it is stored, and the limits it was accepted under. */
import { status } from "@grpc/grpc-js";
import { GrpcError } from "../serving/grpc-service.ts";

export interface StoredMessage {
  readonly id: string;
  /** Publish time, milliseconds since the epoch. */
  readonly at: number;
  /** Base64. */
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
}

/** What a publisher gives. */
export interface OutgoingMessage {
  readonly data?: Buffer | string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly orderingKey?: string;
}

/** Published limits of Pub/Sub. */
const LIMITS = { messages: 1000, bytes: 10_000_000, attributes: 100, key: 256, value: 1024 };

/** @throws GrpcError INVALID_ARGUMENT saying which limit is exceeded */
export function checkMessages(messages: readonly OutgoingMessage[]): void {
  if (messages.length === 0) throw invalid("the request contains no messages");
  if (messages.length > LIMITS.messages) {
    throw invalid(`${messages.length} messages; at most ${LIMITS.messages} per request`);
  }
  let bytes = 0;
  for (const message of messages) {
    const entries = Object.entries(message.attributes ?? {});
    const size = Buffer.byteLength(message.data ?? "");
    if (size === 0 && entries.length === 0)
      throw invalid("a message has no data and no attributes");
    if (entries.length > LIMITS.attributes) throw invalid("a message has more than 100 attributes");
    for (const [key, value] of entries) checkAttribute(key, value);
    bytes += size;
  }
  if (bytes > LIMITS.bytes) throw invalid(`${bytes} bytes; at most ${LIMITS.bytes} per request`);
}

function checkAttribute(key: string, value: string): void {
  if (key === "" || Buffer.byteLength(key) > LIMITS.key) {
    throw invalid(`attribute key ${key.slice(0, 40)} must have 1 to 256 bytes`);
  }
  if (Buffer.byteLength(value) > LIMITS.value) {
    throw invalid(`attribute ${key} has more than 1024 bytes`);
  }
}

function invalid(message: string): GrpcError {
  return new GrpcError(status.INVALID_ARGUMENT, `${message}.`);
}

/** `PubsubMessage` of the API. */
export function messageProto(message: StoredMessage): object {
  return {
    data: Buffer.from(message.data, "base64"),
    attributes: message.attributes,
    messageId: message.id,
    publishTime: {
      seconds: String(Math.floor(message.at / 1000)),
      nanos: (message.at % 1000) * 1_000_000,
    },
    orderingKey: message.orderingKey,
  };
}

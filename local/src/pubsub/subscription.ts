/** A subscription as the broker keeps it, and how it is read from and shown to the API. */
import { status } from "@grpc/grpc-js";
import { DEFAULT_RETRY } from "../serving/backoff.ts";
import type { RetryPolicy } from "../serving/backoff.ts";
import { parseFilter } from "./filter.ts";
import { GrpcError } from "../serving/grpc-service.ts";

export interface PushTarget {
  readonly endpoint: string;
  /** E-mail whose ID token goes along; absent sends none. */
  readonly serviceAccount?: string;
  /** Default: the endpoint. */
  readonly audience?: string;
}

export interface Subscription {
  readonly name: string;
  readonly topic: string;
  readonly push?: PushTarget;
  readonly ackDeadlineSeconds: number;
  readonly ordered: boolean;
  readonly filter: string;
  readonly deadLetter?: { readonly topic: string; readonly maxDeliveryAttempts: number };
  readonly retry?: RetryPolicy;
  readonly retentionSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
}

interface Duration {
  readonly seconds?: string | number;
  readonly nanos?: number;
}
export interface PushConfigProto {
  readonly pushEndpoint?: string;
  readonly oidcToken?: { readonly serviceAccountEmail?: string; readonly audience?: string } | null;
  readonly noWrapper?: object | null;
}
export interface SubscriptionProto {
  readonly name: string;
  readonly topic: string;
  readonly pushConfig?: PushConfigProto | null;
  readonly ackDeadlineSeconds?: number;
  readonly enableMessageOrdering?: boolean;
  readonly filter?: string;
  readonly deadLetterPolicy?: {
    readonly deadLetterTopic?: string;
    readonly maxDeliveryAttempts?: number;
  } | null;
  readonly retryPolicy?: {
    readonly minimumBackoff?: Duration | null;
    readonly maximumBackoff?: Duration | null;
  } | null;
  readonly messageRetentionDuration?: Duration | null;
  readonly labels?: Readonly<Record<string, string>>;
}

const DEFAULT_RETENTION_SECONDS = 7 * 86_400;
/** Options whose silent acceptance would promise something that is not done. */
const REFUSED = [
  "bigqueryConfig",
  "cloudStorageConfig",
  "bigtableConfig",
  "enableExactlyOnceDelivery",
  "retainAckedMessages",
  "detached",
] as const;

/** @throws GrpcError UNIMPLEMENTED naming the option, or INVALID_ARGUMENT naming the field */
export function subscriptionOf(proto: SubscriptionProto): Subscription {
  for (const option of REFUSED) {
    if ((proto as unknown as Record<string, unknown>)[option]) throw unimplemented(option);
  }
  const filter = proto.filter ?? "";
  if (parseFilter(filter) === undefined) throw unimplemented(`filter ${filter}`);
  const deadLetter = deadLetterOf(proto);
  const retry = retryOf(proto);
  const push = pushTargetOf(proto.pushConfig);
  const retentionSeconds = msOf(proto.messageRetentionDuration) / 1000;
  return {
    name: proto.name,
    topic: proto.topic,
    ackDeadlineSeconds: within("ack_deadline_seconds", proto.ackDeadlineSeconds || 10, 10, 600),
    ordered: proto.enableMessageOrdering ?? false,
    filter,
    retentionSeconds: retentionSeconds || DEFAULT_RETENTION_SECONDS,
    labels: proto.labels ?? {},
    ...(push === undefined ? {} : { push }),
    ...(deadLetter === undefined ? {} : { deadLetter }),
    ...(retry === undefined ? {} : { retry }),
  };
}

export function pushTargetOf(config: PushConfigProto | null | undefined): PushTarget | undefined {
  if (!config?.pushEndpoint) return undefined;
  const { pushEndpoint: endpoint, oidcToken, noWrapper } = config;
  if (noWrapper) throw unimplemented("pushConfig.noWrapper");
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw invalid(`push_endpoint ${endpoint} is not an http or https URL`);
  }
  return {
    endpoint,
    ...(oidcToken?.serviceAccountEmail ? { serviceAccount: oidcToken.serviceAccountEmail } : {}),
    ...(oidcToken?.audience ? { audience: oidcToken.audience } : {}),
  };
}

function deadLetterOf(proto: SubscriptionProto): Subscription["deadLetter"] {
  const topic = proto.deadLetterPolicy?.deadLetterTopic ?? "";
  if (topic === "") return undefined;
  const attempts = proto.deadLetterPolicy?.maxDeliveryAttempts || 5;
  return { topic, maxDeliveryAttempts: within("max_delivery_attempts", attempts, 5, 100) };
}

function retryOf(proto: SubscriptionProto): RetryPolicy | undefined {
  const policy = proto.retryPolicy;
  if (!policy) return undefined;
  const { minimumBackoff, maximumBackoff } = policy;
  const maximumMs = maximumBackoff ? msOf(maximumBackoff) : DEFAULT_RETRY.maximumMs;
  const minimumMs = minimumBackoff ? msOf(minimumBackoff) : DEFAULT_RETRY.minimumMs;
  within("retry_policy backoff in ms", Math.max(minimumMs, maximumMs), 0, 600_000);
  return { minimumMs: Math.min(minimumMs, maximumMs), maximumMs };
}

/** The API's shape of a stored subscription. */
export function protoOf(subscription: Subscription): object {
  const { push, deadLetter, retry } = subscription;
  const oidcToken = push?.serviceAccount && {
    serviceAccountEmail: push.serviceAccount,
    audience: push.audience ?? "",
  };
  return {
    name: subscription.name,
    topic: subscription.topic,
    pushConfig: push === undefined ? {} : { pushEndpoint: push.endpoint, oidcToken },
    ackDeadlineSeconds: subscription.ackDeadlineSeconds,
    enableMessageOrdering: subscription.ordered,
    filter: subscription.filter,
    messageRetentionDuration: durationOf(subscription.retentionSeconds * 1000),
    deadLetterPolicy: deadLetter && {
      deadLetterTopic: deadLetter.topic,
      maxDeliveryAttempts: deadLetter.maxDeliveryAttempts,
    },
    retryPolicy: retry && {
      minimumBackoff: durationOf(retry.minimumMs),
      maximumBackoff: durationOf(retry.maximumMs),
    },
    labels: subscription.labels,
    state: "ACTIVE",
  };
}

function msOf(duration: Duration | null | undefined): number {
  return Number(duration?.seconds ?? 0) * 1000 + (duration?.nanos ?? 0) / 1e6;
}

function durationOf(ms: number): Duration {
  return { seconds: String(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) };
}

function within(field: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw invalid(`${field} is ${value}; it must be between ${least} and ${most}`);
}

function invalid(message: string): GrpcError {
  return new GrpcError(status.INVALID_ARGUMENT, message);
}

function unimplemented(what: string): GrpcError {
  return new GrpcError(status.UNIMPLEMENTED, `${what} is not implemented by this stand-in.`);
}

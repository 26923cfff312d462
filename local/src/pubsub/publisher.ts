/** The Publisher service. UpdateTopic, ListTopicSnapshots and DetachSubscription are UNIMPLEMENTED. */
import { status } from "@grpc/grpc-js";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Broker } from "./broker.ts";
import { GrpcError, page, unary } from "../serving/grpc-service.ts";
import type { OutgoingMessage } from "./message.ts";

interface TopicProto {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly [option: string]: unknown;
}
interface ByTopic {
  readonly topic: string;
}
export interface Paged {
  readonly pageSize: number;
  readonly pageToken: string;
}

const REFUSED_OPTIONS = ["schemaSettings", "ingestionDataSourceSettings", "kmsKeyName"] as const;

export function publisherMethods(broker: Broker, log: Logger): UntypedServiceImplementation {
  return {
    CreateTopic: unary(log, (request: TopicProto) => {
      const refused = REFUSED_OPTIONS.find((option) => Boolean(request[option]));
      if (refused !== undefined) {
        throw new GrpcError(status.UNIMPLEMENTED, `${refused} is not implemented.`);
      }
      checkName("topics", request.name);
      broker.createTopic({ name: request.name, labels: request.labels });
      return broker.topic(request.name);
    }),
    GetTopic: unary(log, (request: ByTopic) => broker.topic(request.topic)),
    ListTopics: unary(log, (request: Paged & { readonly project: string }) => {
      const inProject = broker
        .topics()
        .filter(({ name }) => name.startsWith(`${request.project}/`));
      const { items, nextPageToken } = page(inProject, request);
      return { topics: items, nextPageToken };
    }),
    ListTopicSubscriptions: unary(log, (request: Paged & ByTopic) => {
      const ofTopic = broker.subscriptions().filter(({ topic }) => topic === request.topic);
      const { items, nextPageToken } = page(ofTopic, request);
      return { subscriptions: items.map(({ name }) => name), nextPageToken };
    }),
    DeleteTopic: unary(log, (request: ByTopic) => broker.deleteTopic(request.topic)),
    Publish: unary(log, (request: ByTopic & { readonly messages: readonly OutgoingMessage[] }) => ({
      messageIds: broker.publish(request.topic, request.messages),
    })),
  };
}

const NAME = /^projects\/[^/]+\/(topics|subscriptions)\/[A-Za-z][A-Za-z0-9-_.~+%]{2,254}$/;

/** @throws GrpcError INVALID_ARGUMENT */
export function checkName(kind: "topics" | "subscriptions", name: string): void {
  if (NAME.exec(name)?.[1] === kind) return;
  const message = `Invalid resource name ${name}: expected projects/{project}/${kind}/{id}.`;
  throw new GrpcError(status.INVALID_ARGUMENT, message);
}

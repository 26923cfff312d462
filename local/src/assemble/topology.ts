/** Topics, subscriptions, triggers and jobs: what Terraform provisions in production. */
import { accountEmail, type AssemblyContext, functionUrl, PROJECT_ID } from "./context.ts";

const topic = (name: string) => `projects/${PROJECT_ID}/topics/${name}`;
const subscription = (name: string) => `projects/${PROJECT_ID}/subscriptions/${name}`;

/** `cloud-builds` is the topic Cloud Build itself publishes notices to. */
export const TOPICS = [
  "deploy-events",
  "build-requests",
  "cloud-builds",
  "log-entries",
  "dead-letters",
].map(topic);

const MAX_DELIVERIES = 5;
const RETRY = {
  minimumBackoff: { seconds: 1, nanos: 0 },
  maximumBackoff: { seconds: 60, nanos: 0 },
};

/** Push subscriptions: name, topic and the function that receives. */
const SUBSCRIPTIONS = [
  { name: "build-requests", topic: "build-requests", target: "start-build" },
  { name: "build-complete", topic: "cloud-builds", target: "finish-build" },
  { name: "log-entries", topic: "log-entries", target: "append-logs" },
] as const;

export function subscriptions(context: AssemblyContext) {
  return [
    ...SUBSCRIPTIONS.map((row) => ({
      name: subscription(row.name),
      topic: topic(row.topic),
      ackDeadlineSeconds: 60,
      pushConfig: {
        pushEndpoint: functionUrl(context, row.target),
        oidcToken: {
          serviceAccountEmail: accountEmail("pubsub"),
          audience: functionUrl(context, row.target),
        },
      },
      deadLetterPolicy: {
        deadLetterTopic: topic("dead-letters"),
        maxDeliveryAttempts: MAX_DELIVERIES,
      },
      retryPolicy: RETRY,
    })),
    { name: subscription("dead-letters"), topic: topic("dead-letters"), ackDeadlineSeconds: 60 },
  ];
}

export function documentTriggers(context: AssemblyContext) {
  return [
    {
      id: "publish-events",
      eventType: "google.cloud.firestore.document.v1.created" as const,
      documentPattern: "deployments/{deploymentId}/transitions/{seq}",
      url: functionUrl(context, "publish-events"),
      serviceAccount: "eventarc",
    },
  ];
}

export function scheduledJobs(context: AssemblyContext) {
  return [
    {
      id: "reap",
      schedule: "* * * * *",
      timeZone: "Etc/UTC",
      url: functionUrl(context, "reap"),
      serviceAccount: "scheduler",
    },
  ];
}

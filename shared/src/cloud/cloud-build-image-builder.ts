/** Cloud Build: one build per attempt, found again by its tags. Its notices go to the topic `cloud-builds` by themselves. */
import type { protos } from "@google-cloud/cloudbuild";
import type { Build, BuildRequest, BuildStatus, ImageBuilder } from "../ports/image-builder.ts";
import { clientEndpoint } from "./client-endpoint.ts";

export interface ImageBuilderOptions {
  readonly projectId: string;
  /** `host:port` of another server than Google's; null in production. */
  readonly endpoint: string | null;
}

type WireBuild = protos.google.devtools.cloudbuild.v1.IBuild;

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

export function buildTags(deploymentId: string, attempt: number): [string, string] {
  return [`deployment-${deploymentId}`, `attempt-${attempt}`];
}

export async function cloudBuildImageBuilder(options: ImageBuilderOptions): Promise<ImageBuilder> {
  const { CloudBuildClient } = await import("@google-cloud/cloudbuild");
  const { projectId } = options;
  const client = new CloudBuildClient({ projectId, ...(await clientEndpoint(options.endpoint)) });
  return {
    async find(deploymentId, attempt) {
      const filter = buildTags(deploymentId, attempt)
        .map((tag) => `tags="${tag}"`)
        .join(" AND ");
      const [builds] = await client.listBuilds({ projectId, filter, pageSize: 10 });
      const [first] = builds;
      return first === undefined ? null : toBuild(first);
    },
    async start(request) {
      const [operation] = await client.createBuild({
        projectId,
        build: wireRequest(request),
      });
      const metadata = operation.metadata as { build?: WireBuild };
      return toBuild(metadata.build ?? {});
    },
    async get(id) {
      try {
        const [build] = await client.getBuild({ projectId, id });
        return toBuild(build);
      } catch (error) {
        if ((error as { code?: number }).code === NOT_FOUND) return null;
        throw error;
      }
    },
    async cancel(id) {
      try {
        await client.cancelBuild({ projectId, id });
      } catch (error) {
        const { code } = error as { code?: number };
        if (code !== NOT_FOUND && code !== FAILED_PRECONDITION) throw error; // gone or already finished
      }
    },
  };
}

function wireRequest(request: BuildRequest): WireBuild {
  return {
    source: {
      storageSource: {
        bucket: request.source.bucket,
        object: request.source.name,
        generation: request.source.generation,
      },
    },
    steps: request.steps.map((step) => ({
      id: step.id,
      name: step.image,
      entrypoint: step.entrypoint,
      args: step.args.map(literal),
      env: step.env.map(literal),
      ...(step.dir === undefined ? {} : { dir: step.dir }),
    })),
    images: request.images.map(literal),
    timeout: { seconds: request.timeoutSeconds },
    tags: buildTags(request.deploymentId, request.attempt),
    options: { logging: "CLOUD_LOGGING_ONLY" },
  };
}

/** Cloud Build substitutes `$NAME` in these; what the app's own commands say is theirs alone. */
function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

const STATUSES: Readonly<Record<string, BuildStatus>> = {
  PENDING: "pending",
  QUEUED: "pending",
  WORKING: "working",
  SUCCESS: "succeeded",
  FAILURE: "failed",
  INTERNAL_ERROR: "failed",
  TIMEOUT: "timed-out",
  EXPIRED: "timed-out",
  CANCELLED: "cancelled",
};

export function toBuild(wire: WireBuild): Build {
  const tags = wire.tags ?? [];
  const tagged = (prefix: string) =>
    tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length) ?? null;
  const attempt = tagged("attempt-");
  return {
    id: wire.id ?? "",
    status: STATUSES[String(wire.status)] ?? "pending",
    deploymentId: tagged("deployment-"),
    attempt: attempt === null ? null : Number(attempt),
    outputs: (wire.results?.buildStepOutputs ?? []).map((output) =>
      typeof output === "string"
        ? Buffer.from(output, "base64").toString("utf8")
        : Buffer.from(output).toString("utf8"),
    ),
    pushed: (wire.results?.images ?? []).map(({ digest }) => digest ?? ""),
    detail: wire.failureInfo?.detail ?? wire.statusDetail ?? null,
  };
}

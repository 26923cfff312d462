/** A signed push becomes a deployment at `queued`. The signature is checked before anything is looked up or parsed. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import { createDeployment } from "../create-deployment.ts";
import type { Ports } from "../ports.ts";
import { parseJson, readBytes } from "../read-body.ts";
import { json, type Service } from "../service.ts";
import { decidePush, type Push, pushSchema } from "./decide-push.ts";
import { hasValidSignature } from "./signature.ts";

type Needs = Pick<Ports, "deployments" | "projects" | "deliveries" | "config" | "random" | "log">;

/** GitHub caps its payloads at 25 MB. */
const MAX_BYTES = 25 * 1024 * 1024;

export function githubWebhookService(ports: Needs): Service {
  return async (request) => {
    const body = await readBytes(request, MAX_BYTES);
    const signature = request.headers.get("x-hub-signature-256");
    if (!hasValidSignature(body, signature, ports.config.githubWebhookSecret)) {
      throw new BifrostError("bad-signature", "x-hub-signature-256 does not match the body");
    }
    const delivery = request.headers.get("x-github-delivery") ?? "";
    if (delivery === "")
      throw new BifrostError("bad-request", "the header x-github-delivery is missing");
    const event = request.headers.get("x-github-event") ?? "";
    if (event === "ping") return json({ pong: true });
    if (event !== "push") return json({ ignored: `events of type ${event} are not used` }, 202);

    const known = await ports.deliveries.find(delivery);
    if (known !== null) return json({ ...known, repeated: true });
    const answer = await onPush(
      ports,
      parseJson(new TextDecoder().decode(body), pushSchema),
      delivery,
    );
    await ports.deliveries.record(delivery, answer);
    return json(answer, "deployment" in answer ? 201 : 202);
  };
}

async function onPush(
  ports: Needs,
  push: Push,
  delivery: string,
): Promise<Readonly<Record<string, unknown>>> {
  const found = await ports.projects.findByRepository(push.repository.full_name);
  const decision = decidePush(push, found?.value ?? null);
  if (decision.kind === "ignore" || found === null) {
    return { ignored: decision.kind === "ignore" ? decision.why : "no project" };
  }
  const { deployment, project } = await createDeployment(ports, {
    projectId: found.value.id,
    by: "github-webhook",
    // Named after the delivery: a second delivery that overtakes the first creates the same document.
    key: delivery,
    fields: {
      commit: {
        sha: decision.sha,
        message: push.head_commit?.message ?? "",
        author: push.head_commit?.author.name ?? "",
      },
      branch: decision.branch,
      trigger: "push",
      source: { kind: "commit", rollbackOf: null },
      createdBy: push.pusher.name === "" ? "github" : push.pusher.name,
    },
  });
  ports.log.info("deployment created", {
    deploymentId: deployment.id,
    trigger: "push",
    forced: decision.forced,
  });
  return {
    deployment: deployment.id,
    number: deployment.number,
    project: project.slug,
    watch: `${ports.config.apiUrl}/api/v1/deployments/${deployment.id}`,
  };
}

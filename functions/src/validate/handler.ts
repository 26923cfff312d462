/** queued → validating; then reads deploy.toml at the exact commit and stores the snapshot or every error. */
import { canonicalConfig, configHash } from "@bifrost/shared/app-config/canonical";
import { renderDiagnostics, type Diagnostic } from "@bifrost/shared/app-config/diagnostic";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { Note } from "@bifrost/shared/ports/deployment-store";
import { platformSettings } from "../platform-settings.ts";
import type { Ports } from "../ports.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";
import { claimExecution } from "./claim-execution.ts";

const MOVE = edge("queued", "validating");
const FILE = "deploy.toml";
/** One byte more than the parser accepts, so that it can say that the file is too large. */
const MAX_FILE_BYTES = 64 * 1024 + 1;

type Needs = Pick<Ports, "deployments" | "projects" | "sourceHost" | "config">;

export function createValidate(ports: Needs): TransitionHandler {
  return async (call) => {
    const { deployments } = ports;
    if (call.execution !== undefined) {
      await claimExecution(deployments, call.deploymentId, {
        attempt: call.attempt,
        execution: call.execution,
      });
    }
    const { deployment } = await makeMove(deployments, call.deploymentId, {
      to: MOVE.to,
      by: "validate",
      attempt: call.attempt,
    });
    if (deployment.state !== MOVE.to) return { state: deployment.state, valid: true };
    const outcome = await snapshot(ports, deployment);
    return { state: deployment.state, ...outcome };
  };
}

type Outcome = { readonly valid: true } | { readonly valid: false; readonly reason: string };

async function snapshot(ports: Needs, deployment: Deployment): Promise<Outcome> {
  const kept = await ports.deployments.readNote(deployment.id, "snapshot/config");
  if (kept !== null) return { valid: true }; // a retry keeps the snapshot
  if (deployment.source.rollbackOf !== null) return copySnapshot(ports, deployment);

  const project = await ports.projects.read(deployment.projectId);
  if (project === null) {
    throw new BifrostError("not-found", `project ${deployment.projectId} was deleted`, {
      projectId: deployment.projectId,
    });
  }
  const source = await ports.sourceHost();
  const bytes = await source.readFile(
    project.value.repository,
    deployment.commit.sha,
    FILE,
    MAX_FILE_BYTES,
  );
  if (bytes === null) return refuse(ports, deployment, "config-missing", [], "");
  const parsed = parseAppConfig(bytes);
  if (!parsed.ok) {
    const text = new TextDecoder().decode(bytes);
    return refuse(ports, deployment, "config-invalid", parsed.diagnostics, text);
  }
  const hash = configHash(parsed.config);
  await store(ports, deployment, hash, {
    config: canonicalConfig(parsed.config),
    settings: platformSettings(ports.config),
    attempt: deployment.attempt,
  });
  return { valid: true };
}

async function copySnapshot(ports: Needs, deployment: Deployment): Promise<Outcome> {
  const { rollbackOf } = deployment.source;
  const origin =
    rollbackOf === null ? null : await ports.deployments.readNote(rollbackOf, "snapshot/config");
  const source = rollbackOf === null ? null : await ports.deployments.read(rollbackOf);
  const hash = source?.value.configHash ?? null;
  if (origin === null || hash === null) return refuse(ports, deployment, "image-missing", [], "");
  await store(ports, deployment, hash, { ...origin.value, attempt: deployment.attempt });
  return { valid: true };
}

async function store(
  ports: Needs,
  deployment: Deployment,
  hash: string,
  note: Note,
): Promise<void> {
  await ports.deployments.writeNote(deployment.id, "snapshot/config", note);
  await ports.deployments.annotate(deployment.id, { configHash: hash });
}

async function refuse(
  ports: Needs,
  deployment: Deployment,
  reason: "config-missing" | "config-invalid" | "image-missing",
  diagnostics: readonly Diagnostic[],
  text: string,
): Promise<Outcome> {
  await ports.deployments.writeNote(deployment.id, "snapshot/diagnostics", {
    file: FILE,
    attempt: deployment.attempt,
    rendered:
      diagnostics.length === 0 ? "" : renderDiagnostics(text, diagnostics, { fileName: FILE }),
    diagnostics: diagnostics.map((diagnostic) => ({ ...diagnostic })),
  });
  return { valid: false, reason };
}

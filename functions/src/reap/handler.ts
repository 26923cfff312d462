/**
 * Every minute and at start-up: nothing stays in a passing state for ever, nothing that serves goes unwatched, and nothing
 * runs that has no purpose.
 */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { deploymentIdSchema } from "@bifrost/shared/domain/ids";
import { ALL_STATES, isResting } from "@bifrost/shared/domain/lifecycle";
import type { Project } from "@bifrost/shared/domain/project";
import type { Note, Versioned } from "@bifrost/shared/ports/deployment-store";
import * as v from "valibot";
import { decideRestore } from "../decide-restore.ts";
import type { Ports } from "../ports.ts";
import { removeSite } from "../publish-site/remove-site.ts";
import { readRestoreCase } from "../read-restore-case.ts";
import { readSnapshot } from "../release-manifests.ts";
import { updateNote } from "../transition-call.ts";
import { decideReap, isRetirable, needsExecution, type Succession } from "./decide-reap.ts";

type Needs = Pick<
  Ports,
  | "deployments"
  | "projects"
  | "routes"
  | "workflows"
  | "cluster"
  | "objects"
  | "sites"
  | "config"
  | "clock"
  | "log"
>;

const PASSING_STATES = ALL_STATES.filter((state) => !isResting(state));
const BATCH = 300;
/** The most that `[health] watch` may be: an older release is not even asked for its config. */
const LONGEST_WATCH_MS = 3_600_000;

export function createReap(ports: Needs) {
  return async () => {
    const open = await ports.deployments.listInStates(PASSING_STATES, BATCH);
    let restarted = 0;
    let expired = 0;
    for (const deployment of open) {
      const done = await tend(ports, deployment).catch((error: unknown) => {
        ports.log.error("deployment not tended", { deploymentId: deployment.id, error });
        return "left" as const;
      });
      if (done === "restarted") restarted++;
      if (done === "expired") expired++;
    }
    const { retired, resumed } = await tendReleases(ports);
    return { open: open.length, restarted, expired, retired, resumed };
  };
}

async function tend(
  ports: Needs,
  deployment: Deployment,
): Promise<"left" | "restarted" | "expired"> {
  const claim = await ports.deployments.readNote(deployment.id, "internal/execution");
  const { id: deploymentId, attempt } = deployment;
  const decision = decideReap(deployment, claim?.value ?? null, ports.clock.now());
  if (decision === "leave") return "left";
  if (decision === "expire") {
    const workflows = await ports.workflows();
    await workflows.start("cancel", { deploymentId, attempt, reason: "deadline-exceeded" });
    return "expired";
  }
  return takeUp(ports, deployment, decision === "check-execution" ? (claim?.value ?? null) : null);
}

/** Starts an execution unless the one that claimed the attempt runs; a claim whose execution is lost is released. */
async function takeUp(
  ports: Needs,
  { id: deploymentId, attempt, state }: Deployment,
  claim: Note | null,
): Promise<"left" | "restarted"> {
  const workflows = await ports.workflows();
  if (claim !== null) {
    if (await workflows.isRunning("deployment", String(claim["execution"]))) return "left";
    await updateNote(ports.deployments, deploymentId, "internal/execution", (note) => ({
      ...note,
      released: true,
    }));
  }
  await workflows.start("deployment", { deploymentId, attempt });
  ports.log.info("deployment taken up again", { deploymentId, attempt, state });
  return "restarted";
}

/** What a deployment takes up somewhere: replicas in the cluster, or files in the bucket. */
interface Holding {
  readonly deploymentId: string;
  readonly remove: () => Promise<void>;
}

async function holdings(ports: Needs): Promise<readonly Holding[]> {
  const cluster = await ports.cluster();
  const [workloads, sites] = await Promise.all([cluster.workloads(), ports.sites.list()]);
  return [
    ...workloads.map((workload) => ({
      deploymentId: workload.deploymentId,
      remove: () => cluster.remove(workload),
    })),
    ...sites.map((site) => ({
      deploymentId: site.deploymentId,
      remove: () => removeSite(ports, site),
    })),
  ];
}

async function tendReleases(ports: Needs): Promise<{ retired: number; resumed: number }> {
  let retired = 0;
  let resumed = 0;
  for (const holding of await holdings(ports)) {
    const done = await tendRelease(ports, holding).catch((error: unknown) => {
      ports.log.error("release not tended", { deploymentId: holding.deploymentId, error });
      return "left" as const;
    });
    if (done === "retired") retired++;
    if (done === "restarted") resumed++;
  }
  return { retired, resumed };
}

async function tendRelease(
  ports: Needs,
  { deploymentId, remove }: Holding,
): Promise<"left" | "restarted" | "retired"> {
  const deployment = await readDeployment(ports, deploymentId);
  const project = deployment === null ? null : await ports.projects.read(deployment.projectId);
  if (!(await hasNoPurpose(ports, deployment, project)))
    return deployment === null ? "left" : resume(ports, deployment, project);
  await remove();
  if (deployment !== null)
    await ports.deployments.annotate(deployment.id, { retiredAt: new Date(ports.clock.now()) });
  return "retired";
}

/** A release in its watch window whose execution was lost is watched again, one that failed in it still undone. */
async function resume(
  ports: Needs,
  deployment: Deployment,
  project: Versioned<Project> | null,
): Promise<"left" | "restarted"> {
  const now = ports.clock.now();
  if (!isResting(deployment.state) || now - deployment.stateSince.getTime() > LONGEST_WATCH_MS)
    return "left";
  const [watchMs, claim] = await Promise.all([
    readWatchMs(ports, deployment.id),
    ports.deployments.readNote(deployment.id, "internal/execution"),
  ]);
  const live = project?.value ?? null;
  if (claim === null || !needsExecution(deployment, live, watchMs, now)) return "left";
  if (deployment.state === "failed" && !(await lacksSuccessor(ports, deployment))) return "left";
  return takeUp(ports, deployment, claim.value);
}

async function lacksSuccessor(ports: Needs, { id }: Deployment): Promise<boolean> {
  return decideRestore(await readRestoreCase(ports, id)).target !== null;
}

async function readWatchMs(ports: Needs, id: Deployment["id"]): Promise<number> {
  const snapshot = await ports.deployments.readNote(id, "snapshot/config");
  return snapshot === null ? 0 : readSnapshot(snapshot.value).config.health.watch.ms;
}

async function readDeployment(ports: Needs, name: string): Promise<Deployment | null> {
  const id = v.safeParse(deploymentIdSchema, name);
  return id.success ? ((await ports.deployments.read(id.output))?.value ?? null) : null;
}

async function hasNoPurpose(
  ports: Needs,
  deployment: Deployment | null,
  project: Versioned<Project> | null,
): Promise<boolean> {
  if (deployment === null) return true;
  const succession = await readSuccession(ports, deployment, project?.value ?? null);
  const now = ports.clock.now();
  if (!isRetirable(deployment, project?.value ?? null, succession, now)) return false;
  return deployment.state === "failed" || !(await isTarget(ports, deployment));
}

/** Whether a split of its project names it, with whatever weight: a canary at 0 percent is about to be raised. */
async function isTarget({ routes }: Needs, { id, projectId }: Deployment): Promise<boolean> {
  const all = await routes.list(projectId);
  const targets = all.flatMap(({ value }) => [
    ...value.targets,
    ...value.paths.flatMap((rule) => rule.targets),
  ]);
  return targets.some(({ deploymentId }) => deploymentId === id);
}

/** Null when no other release is live. */
async function readSuccession(
  ports: Needs,
  { id }: Deployment,
  project: Project | null,
): Promise<Succession | null> {
  const liveId = project?.liveDeploymentId ?? null;
  if (liveId === null || liveId === id) return null;
  const live = await ports.deployments.read(liveId);
  if (live === null) return null;
  const { state, stateSince } = live.value;
  const watchMs = await readWatchMs(ports, liveId);
  return { since: stateSince.getTime(), watchMs, isFailed: state === "failed" };
}

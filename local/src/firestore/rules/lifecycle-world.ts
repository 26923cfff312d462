/** The product's rules with a project, a deployment and a member to try them on, for tests. */
import { readFileSync } from "node:fs";
import { compileRules } from "./compile.ts";
import { RulesCoverage } from "./coverage.ts";
import { NOW, person, RulesWorld, service, type Auth, type Fields } from "./rules-world.ts";

/** What the tests of this process made the rules do. */
export const coverage = new RulesCoverage();

/** The product's own rules file. */
export const productRules = compileRules(
  readFileSync(new URL("../../../../firestore.rules", import.meta.url), "utf8"),
  coverage,
);

export const SERVICES = [
  "api",
  "github-webhook",
  "issue-principal",
  "validate",
  "build",
  "start-build",
  "finish-build",
  "deploy",
  "observe",
  "verify",
  "fail",
  "retry",
  "restore",
  "append-logs",
  "publish-events",
  "reap",
  "collector",
  "gateway",
];
export const PRINCIPALS: readonly (readonly [name: string, auth: Auth])[] = [
  ...SERVICES.map((name) => [name, service(name)] as const),
  ["a member", person("mia")],
  ["anonymous", null],
];

export const ID = "d234567890abcd";
export const OLD = new Date("2025-12-31T23:00:00Z");
export const DIGEST = `sha256:${"a1".repeat(32)}`;
export const FAILURE = {
  code: "build-failed",
  message: "A build step ended with an error.",
  details: [],
  hint: "Read the log.",
  state: "building",
};

export const PROJECT = {
  name: "Shop",
  slug: "shop",
  repository: "acme/shop",
  defaultBranch: "main",
  teamId: "team1",
  settings: {},
  liveDeploymentId: null,
  formerDeploymentId: null,
  liveNumber: 0,
  newestDeploymentId: ID,
  nextNumber: 8,
  createdAt: OLD,
  updatedAt: OLD,
};
export const DEPLOYMENT = {
  projectId: "p234567890abcd",
  teamId: "team1",
  number: 7,
  commit: { sha: "0123456789".repeat(4), message: "Add cart", author: "mia" },
  branch: "main",
  trigger: "push",
  source: { kind: "commit", rollbackOf: null },
  state: "queued",
  seq: 4,
  attempt: 2,
  stateSince: OLD,
  createdAt: OLD,
  createdBy: "github:mia",
  configHash: null,
  imageDigest: null,
  manifestsHash: null,
  url: null,
  failure: null,
  retiredAt: null,
};
/** As the collector stores it below `replicas/shop-1`. */
export const REPLICA = {
  pod: "shop-1",
  boot: 1000,
  seq: 5,
  at: OLD,
  receivedAt: OLD,
  expireAt: new Date(OLD.getTime() + 15_000),
  healthy: true,
  proven: true,
  verdictMs: 10,
  consecutivePasses: 2,
  restarts: 0,
  lastResult: "ok",
  lastStatus: 200,
  lastBody: null,
  connectMs: 1,
  latencyMs: 3,
  cpuMillicores: null,
  memoryBytes: 4096,
  descriptors: 4,
  threads: 1,
};
export const PROJECT_PATH = `projects/${DEPLOYMENT.projectId}`;

/** A world whose deployment is in `state`, with its history, its snapshot and a member of the team. */
export function worldIn(state: string): RulesWorld {
  const world = new RulesWorld(productRules);
  world.put(PROJECT_PATH, PROJECT);
  world.put("members/team1_mia", { teamId: "team1", uid: "mia" });
  const failure = state === "failed" ? FAILURE : null;
  world.put(`deployments/${ID}`, { ...DEPLOYMENT, state, failure });
  world.put(`deployments/${ID}/transitions/000004`, { to: state, seq: 4 });
  world.put(`deployments/${ID}/snapshot/config`, { config: {}, settings: {}, attempt: 2 });
  world.put(`deployments/${ID}/logs/1-a`, { stream: "build", step: "x", lines: [], at: OLD });
  return world;
}

/** Everything a writer adds for a move to `to`, whether it may or not. */
export function moveFields(from: string, to: string): Fields {
  const extra: Readonly<Record<string, Fields>> = {
    built: { imageDigest: DIGEST },
    deploying: { manifestsHash: "h", url: "https://shop.example" },
    failed: { failure: FAILURE },
    queued: { failure: null },
  };
  const attempt = from === "failed" && to === "queued" ? 3 : 2;
  return { state: to, seq: 5, attempt, stateSince: NOW, ...extra[to] };
}

export function recordFields(from: string | null, to: string, by: string): Fields {
  const attempt = from === "failed" && to === "queued" ? 3 : 2;
  return { from, to, by, at: NOW, attempt, seq: 5, why: null, evidence: null };
}

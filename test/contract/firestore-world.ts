/** The platform's own writers against the embedded Firestore, bound by the platform's own rules. */
import { readFileSync } from "node:fs";
import { FirestoreDeploymentStore } from "@bifrost/shared/cloud/firestore-deployment-store";
import { FirestoreProjectStore } from "@bifrost/shared/cloud/firestore-project-store";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { newDeploymentId, newProjectId } from "@bifrost/shared/domain/ids";
import { type Creator, MOVES, type Move, type State } from "@bifrost/shared/domain/lifecycle";
import { newFailure } from "@bifrost/shared/domain/failure";
import type { Project } from "@bifrost/shared/domain/project";
import { systemTimers } from "@bifrost/shared/domain/time";
import { decideMove, type MoveDecision } from "@bifrost/shared/domain/transition";
import type { LivePointer, NewDeployment, Versioned } from "@bifrost/shared/ports/deployment-store";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { newDeployment, newProject } from "@bifrost/shared/testing/fixtures";
import { type RunningFirestore, startFirestore } from "../../local/src/firestore/index.ts";
import {
  type IndexDefinitions,
  parseIndexFile,
} from "../../local/src/firestore/indexes/index-file.ts";
import type { VerifyIdToken } from "../../local/src/firestore/edge/caller.ts";
import { compileRules } from "../../local/src/firestore/rules/compile.ts";
import type { Rules } from "../../local/src/firestore/rules/rules.ts";
import { type RunningIdentity, startIdentity } from "../../local/src/identity/index.ts";

export const PROJECT_ID = "bifrost-local";
export const productRules = compileRules(
  readFileSync(new URL("../../firestore.rules", import.meta.url), "utf8"),
);
export const productIndexes = parseIndexFile(
  readFileSync(new URL("../../firestore.indexes.json", import.meta.url), "utf8"),
);
/** Bearer of the administrator, whom no rules bind: prepares what no service of the platform writes. */
export const OWNER_TOKEN = "owner-of-the-world";

export const SERVICES = [
  "api",
  "github-webhook",
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
] as const;
export type ServiceName = (typeof SERVICES)[number];

export const DIGEST = `sha256:${"a1".repeat(32)}`;

/** Claims of a token beside those that every ID token has. */
type TokenClaims = Readonly<Record<string, unknown>>;

interface WorldOptions {
  /** In place of the product's, to look on while they decide. */
  readonly rules?: Rules;
  /** In place of the product's: a query that they do not serve is refused. */
  readonly indexes?: IndexDefinitions;
  /** Where documents are kept; in memory when absent. */
  readonly dataDir?: string;
}

export class World {
  readonly server: RunningFirestore;
  readonly #identity: RunningIdentity;
  readonly #tokens = new Map<string, Promise<string>>();
  #ids = 0;

  private constructor(server: RunningFirestore, identity: RunningIdentity) {
    this.server = server;
    this.#identity = identity;
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const base = { projectId: PROJECT_ID, timers: systemTimers, log: silentLogger };
    const identity = await startIdentity({
      ...base,
      apiKey: "unused",
      verifyCustomToken: () => Promise.reject(new Error("nobody signs in with a custom token")),
    });
    const verifyIdToken: VerifyIdToken = async (token) => {
      const { uid, token: claims } = await identity.verifyIdToken(token);
      return { uid, token: { ...claims } };
    };
    const server = await startFirestore({
      ...base,
      rules: productRules,
      indexes: productIndexes,
      verifyIdToken,
      ownerToken: OWNER_TOKEN,
      ...options,
    });
    return new World(server, identity);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.#identity.stop();
  }

  get address(): string {
    return `127.0.0.1:${this.server.port}`;
  }

  /** An ID token signed with RS256, as Firebase issues it. */
  token(uid: string, claims: TokenClaims = {}): Promise<string> {
    const key = JSON.stringify([uid, claims]);
    const known = this.#tokens.get(key);
    if (known !== undefined) return known;
    const minted = this.#identity.mintUserToken(uid, claims).then(({ idToken }) => idToken);
    this.#tokens.set(key, minted);
    return minted;
  }

  /** The documents as this person or whoever else sees them. */
  rest(uid: string, claims: TokenClaims = {}): FirestoreRest {
    return this.#bearing(() => this.token(uid, claims));
  }

  as(service: string): FirestoreRest {
    return this.rest(`svc:${service}`, { svc: service });
  }

  get seeder(): FirestoreRest {
    return this.#bearing(async () => OWNER_TOKEN);
  }

  #bearing(token: () => Promise<string>): FirestoreRest {
    return new FirestoreRest({ baseUrl: `http://${this.address}`, projectId: PROJECT_ID, token });
  }

  deployments(service: ServiceName): FirestoreDeploymentStore {
    return new FirestoreDeploymentStore(this.as(service));
  }

  projects(service: ServiceName): FirestoreProjectStore {
    return new FirestoreProjectStore(this.as(service));
  }

  /** Distinct bytes each time, so that ids never meet. */
  readonly random = (length: number): Uint8Array => {
    this.#ids++;
    const digits = Uint8Array.from({ length }, (_, at) => (this.#ids >> (at * 4)) & 15);
    return digits.toReversed();
  };

  /** A project that is not stored yet. */
  draftProject(changes: Partial<Project> = {}): Project {
    const id = newProjectId(this.random);
    const slug = `app-${id}` as Project["slug"];
    const repository = `local/${id}` as Project["repository"];
    return newProject({ id, slug, repository, ...changes });
  }

  async project(changes: Partial<Project> = {}): Promise<Versioned<Project>> {
    const draft = this.draftProject(changes);
    await this.projects("api").create(draft, `${draft.slug}.localhost`);
    return this.reloadProject(draft.id);
  }

  async reloadProject(id: Project["id"]): Promise<Versioned<Project>> {
    return present(await this.projects("api").read(id));
  }

  async deployment(project?: Versioned<Project>, by: Creator = "api"): Promise<Deployment> {
    const current = await this.reloadProject((project ?? (await this.project())).value.id);
    return this.deployments(by).create(newDeploymentId(this.random), fields(), current, by);
  }

  async reload(id: Deployment["id"]): Promise<Versioned<Deployment>> {
    return present(await this.deployments("api").read(id));
  }

  /** Takes a deployment along the happy path until it is in `state`, each step by its owner. */
  async deploymentIn(state: State, project?: Versioned<Project>): Promise<Deployment> {
    let current = await this.deployment(project);
    while (current.state !== state) {
      const next = MOVES.find(
        ({ from, to }) => from === current.state && (to === state || to !== "failed"),
      );
      current = await this.make(current, present(next ?? null));
    }
    return current;
  }

  async make(deployment: Deployment, move: Move): Promise<Deployment> {
    if (move.to === "building") await this.snapshot(deployment);
    const current = await this.reload(deployment.id);
    const decision = decisionFor(current.value, move);
    return this.deployments(move.owner).move(
      current,
      decision,
      await this.pointer(deployment, move),
    );
  }

  /** What the project's URL moves to along with this move, if it does. */
  async pointer({ projectId, number }: Deployment, move: Move): Promise<LivePointer | undefined> {
    const project = await this.reloadProject(projectId);
    const isTaken = move.to === "healthy" && project.value.liveNumber < number;
    return isTaken ? { project } : undefined;
  }

  async snapshot({ id, attempt }: Deployment): Promise<void> {
    const note = { config: "{}", settings: {}, attempt };
    await this.deployments("validate").writeNote(id, "snapshot/config", note);
  }
}

export function fields(): NewDeployment {
  const { commit, branch, trigger, source, createdBy } = newDeployment();
  return { commit, branch, trigger, source, createdBy };
}

const MOVE_FIELDS: Readonly<Partial<Record<string, Readonly<Record<string, unknown>>>>> = {
  built: { imageDigest: DIGEST },
  deploying: { manifestsHash: "abc", url: "http://app.localhost" },
  queued: { failure: null },
};

export function decisionFor(deployment: Deployment, move: Move): MoveDecision {
  const failure = newFailure("cancelled", move.from, []);
  const decision = decideMove(deployment, {
    to: move.to,
    by: move.owner,
    attempt: deployment.attempt,
    fields: move.to === "failed" ? { failure } : (MOVE_FIELDS[move.to] ?? {}),
  });
  if (decision.kind === "repeat") throw new Error(`${deployment.state} is ${move.to} already`);
  return decision;
}

export function present<T>(value: T | null): T {
  if (value === null) throw new Error("expected to be there");
  return value;
}

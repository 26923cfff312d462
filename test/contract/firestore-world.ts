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
import type { NewDeployment, Versioned } from "@bifrost/shared/ports/deployment-store";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { newDeployment, newProject } from "@bifrost/shared/testing/fixtures";
import { startFirestore, type RunningFirestore } from "../../local/src/firestore/index.ts";
import {
  type IndexDefinitions,
  parseIndexFile,
} from "../../local/src/firestore/indexes/index-file.ts";
import { compileRules } from "../../local/src/firestore/rules/compile.ts";

const PROJECT_ID = "bifrost-local";
const productRules = compileRules(
  readFileSync(new URL("../../firestore.rules", import.meta.url), "utf8"),
);
export const productIndexes = parseIndexFile(
  readFileSync(new URL("../../firestore.indexes.json", import.meta.url), "utf8"),
);
/** Prepares what no service of the platform writes: teams and API keys of the installation. */
const SEEDER = "seeder";

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
  "append-logs",
  "publish-events",
  "reap",
  "collector",
  "gateway",
] as const;
export type ServiceName = (typeof SERVICES)[number];

export const DIGEST = `sha256:${"a1".repeat(32)}`;

export class World {
  readonly #server: RunningFirestore;
  #ids = 0;

  private constructor(server: RunningFirestore) {
    this.#server = server;
  }

  static async start(indexes: IndexDefinitions = productIndexes): Promise<World> {
    const server = await startFirestore({
      projectId: PROJECT_ID,
      timers: systemTimers,
      log: silentLogger,
      indexes,
      rules: {
        check: (request) =>
          request.auth?.uid === SEEDER
            ? { allowed: true, reason: "preparation" }
            : productRules.check(request),
      },
      ownerToken: "nobody asks as the administrator",
      verifyIdToken: async (token) => {
        const service = /^svc-(.+)$/.exec(token)?.[1];
        const exp = Date.now() / 1000 + 3600;
        if (service === undefined) return { uid: token, token: { sub: token, exp } };
        return { uid: `svc:${service}`, token: { sub: `svc:${service}`, svc: service, exp } };
      },
    });
    return new World(server);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  rest(token: string): FirestoreRest {
    const baseUrl = `http://127.0.0.1:${this.#server.port}`;
    return new FirestoreRest({ baseUrl, projectId: PROJECT_ID, token: async () => token });
  }

  as(service: ServiceName): FirestoreRest {
    return this.rest(`svc-${service}`);
  }

  get seeder(): FirestoreRest {
    return this.rest(SEEDER);
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
    return this.deployments(move.owner).move(current, decisionFor(current.value, move));
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

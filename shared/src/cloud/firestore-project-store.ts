import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";
import { projectIdSchema, type ProjectId } from "../domain/ids.ts";
import type { PolicyAttachment } from "../domain/policy.ts";
import { projectSchema, type Project, type ProjectFields } from "../domain/project.ts";
import type { Versioned } from "../ports/deployment-store.ts";
import type { ProjectStore } from "../ports/project-store.ts";
import { whereEqual, type FirestoreRest, type RestDocument } from "./firestore-rest.ts";
import { ofProject } from "./firestore-route-store.ts";
import { encodeValue } from "./firestore-values.ts";

export class FirestoreProjectStore implements ProjectStore {
  readonly #store: FirestoreRest;

  constructor(store: FirestoreRest) {
    this.#store = store;
  }

  async read(id: ProjectId): Promise<Versioned<Project> | null> {
    const document = await this.#store.get(`projects/${id}`);
    return document === null ? null : versioned(document);
  }

  findBySlug(slug: string): Promise<Versioned<Project> | null> {
    return this.#findOne({ slug });
  }

  findByRepository(repository: string): Promise<Versioned<Project> | null> {
    return this.#findOne({ repository });
  }

  async list(teamIds: readonly string[]): Promise<readonly Project[]> {
    const perTeam = await Promise.all(
      teamIds.map((teamId) =>
        this.#store.query("", {
          from: [{ collectionId: "projects" }],
          where: whereEqual({ teamId }, encodeValue),
        }),
      ),
    );
    return perTeam
      .flat()
      .map((document) => versioned(document).value)
      .toSorted((one, other) => one.slug.localeCompare(other.slug));
  }

  async create(project: Project, host: string): Promise<void> {
    const { id, createdAt: _createdAt, updatedAt: _updatedAt, ...fields } = project;
    const taken =
      (await this.findBySlug(project.slug)) ?? (await this.findByRepository(project.repository));
    if (taken !== null) throw slugTaken(project);
    // The route's name carries the slug: two projects racing for one slug cannot both create it.
    await this.#store
      .commit([
        {
          set: `projects/${id}`,
          fields,
          serverTimes: ["createdAt", "updatedAt"],
          must: { exists: false },
        },
        {
          set: `routes/${host}`,
          fields: { host, projectId: id, targets: [] },
          serverTimes: ["createdAt"],
          must: { exists: false },
        },
      ])
      .catch((error: unknown) => {
        throw error instanceof BifrostError && error.code === "already-exists"
          ? slugTaken(project)
          : error;
      });
  }

  rename(current: Versioned<Project>, changes: Pick<ProjectFields, "name">): Promise<void> {
    return this.#edit(current, changes);
  }

  attach(current: Versioned<Project>, policies: readonly PolicyAttachment[]): Promise<void> {
    return this.#edit(current, { policies });
  }

  async delete({ value, version }: Versioned<Project>): Promise<void> {
    const owned = await Promise.all(
      ["routes", "domains"].map((collection) => ofProject(this.#store, collection, value.id)),
    );
    await this.#store.commit([
      { delete: `projects/${value.id}`, must: { updateTime: version } },
      ...owned.flat().map(({ path }) => ({ delete: path })),
    ]);
  }

  async #edit(current: Versioned<Project>, fields: object): Promise<void> {
    await this.#store.commit([
      {
        set: `projects/${current.value.id}`,
        fields,
        serverTimes: ["updatedAt"],
        merge: true,
        must: { updateTime: current.version },
      },
    ]);
  }

  async #findOne(filters: Readonly<Record<string, string>>): Promise<Versioned<Project> | null> {
    const [document] = await this.#store.query("", {
      from: [{ collectionId: "projects" }],
      where: whereEqual(filters, encodeValue),
      limit: 1,
    });
    return document === undefined ? null : versioned(document);
  }
}

function slugTaken(project: Project): BifrostError {
  return new BifrostError(
    "already-exists",
    `a project with the slug ${project.slug} or the repository ${project.repository} exists; choose another name`,
    { slug: project.slug, repository: project.repository },
  );
}

function versioned(document: RestDocument): Versioned<Project> {
  const parsed = v.safeParse(projectSchema, document.fields);
  const id = v.safeParse(projectIdSchema, document.path.split("/").at(-1));
  if (!parsed.success || !id.success) {
    throw new BifrostError("data-corrupt", `${document.path} is not a project`, {
      path: document.path,
    });
  }
  return { value: { ...parsed.output, id: id.output }, version: document.updateTime };
}

/** Projects in memory, with the versions and refusals of the real store. */
import { BifrostError } from "../domain/errors.ts";
import type { ProjectId } from "../domain/ids.ts";
import type { PolicyAttachment } from "../domain/policy.ts";
import { RouteSchema } from "../domain/route.ts";
import type { Project, ProjectFields } from "../domain/project.ts";
import type { Versioned } from "../ports/deployment-store.ts";
import type { ProjectStore } from "../ports/project-store.ts";
import { MemoryDomainStore, MemoryRouteStore } from "./memory-route-store.ts";
import * as v from "valibot";

export class MemoryProjectStore implements ProjectStore {
  readonly #projects = new Map<string, { value: Project; version: number }>();
  readonly #routes: MemoryRouteStore;
  readonly #domains: MemoryDomainStore;

  constructor(routes = new MemoryRouteStore(), domains = new MemoryDomainStore(routes)) {
    this.#routes = routes;
    this.#domains = domains;
  }

  /** Stores a project past every check. */
  put(project: Project): void {
    const version = this.#projects.get(project.id)?.version ?? 0;
    this.#projects.set(project.id, { value: project, version: version + 1 });
  }

  async read(id: ProjectId): Promise<Versioned<Project> | null> {
    return this.#find((project) => project.id === id);
  }

  async findBySlug(slug: string): Promise<Versioned<Project> | null> {
    return this.#find((project) => project.slug === slug);
  }

  async findByRepository(repository: string): Promise<Versioned<Project> | null> {
    return this.#find((project) => project.repository === repository);
  }

  async list(teamIds: readonly string[]): Promise<readonly Project[]> {
    return [...this.#projects.values()]
      .map(({ value }) => value)
      .filter((project) => teamIds.includes(project.teamId));
  }

  async create(project: Project, host: string): Promise<void> {
    const taken = this.#find(
      ({ slug, repository }) => slug === project.slug || repository === project.repository,
    );
    if (taken !== null) throw new BifrostError("already-exists", "the slug or repository is taken");
    await this.#routes.create(v.parse(RouteSchema, { host, projectId: project.id }));
    this.put(project);
  }

  async rename(current: Versioned<Project>, changes: Pick<ProjectFields, "name">): Promise<void> {
    this.change(current, changes);
  }

  async attach(current: Versioned<Project>, policies: readonly PolicyAttachment[]): Promise<void> {
    this.change(current, { policies: [...policies] });
  }

  async delete(current: Versioned<Project>): Promise<void> {
    this.assertCurrent(current);
    const { id } = current.value;
    this.#projects.delete(id);
    this.#domains.dropAll(id);
    for (const { value } of await this.#routes.list(id)) this.#routes.drop(value.host);
  }

  assertCurrent({ value, version }: Versioned<Project>): void {
    if (String(this.#projects.get(value.id)?.version) === version) return;
    throw new BifrostError("write-conflict", "the project changed since it was read");
  }

  /** Changes fields of a project that nobody else changed since it was read. */
  change(current: Versioned<Project>, changes: Partial<ProjectFields>): void {
    this.assertCurrent(current);
    this.put({ ...current.value, ...changes });
  }

  #find(matches: (project: Project) => boolean): Versioned<Project> | null {
    const found = [...this.#projects.values()].find(({ value }) => matches(value));
    return found === undefined ? null : { value: found.value, version: String(found.version) };
  }
}

import type { ProjectId } from "../domain/ids.ts";
import type { PolicyAttachment } from "../domain/policy.ts";
import type { Project, ProjectFields } from "../domain/project.ts";
import type { Versioned } from "./deployment-store.ts";

export interface ProjectStore {
  read(id: ProjectId): Promise<Versioned<Project> | null>;
  findBySlug(slug: string): Promise<Versioned<Project> | null>;
  findByRepository(repository: string): Promise<Versioned<Project> | null>;
  list(teamIds: readonly string[]): Promise<readonly Project[]>;
  /** Creates the project and its route in one commit; `already-exists` when slug or repository is taken. */
  create(project: Project, host: string): Promise<void>;
  rename(current: Versioned<Project>, changes: Pick<ProjectFields, "name">): Promise<void>;
  /** Sets the policies of the whole project, in the order they run. */
  attach(current: Versioned<Project>, policies: readonly PolicyAttachment[]): Promise<void>;
  /** With all its routes and domains. */
  delete(current: Versioned<Project>): Promise<void>;
}

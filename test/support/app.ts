/** An app under development: a repository whose remote `bifrost` is the platform, as `bifrost init` leaves it. */
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import { writeFiles, temporaryFolder } from "./folders.ts";
import type { PlatformUnderTest } from "./platform.ts";
import { endedWith, type Finished } from "./processes.ts";
import { type Repository, repositoryIn } from "./repository.ts";

export class App {
  readonly slug: string;
  readonly repository: Repository;
  readonly platform: PlatformUnderTest;

  private constructor(slug: string, repository: Repository, platform: PlatformUnderTest) {
    this.slug = slug;
    this.repository = repository;
    this.platform = platform;
  }

  /** Commits what is in the folder, or these files in a new one, and runs `bifrost init`. */
  static async create(
    platform: PlatformUnderTest,
    slug: string,
    content: string | Readonly<Record<string, string>>,
  ): Promise<App> {
    const folder = typeof content === "string" ? content : writeFiles(temporaryFolder(), content);
    const repository = await repositoryIn(folder);
    endedWith(0, await platform.cli(["init"], { cwd: folder }));
    return new App(slug, repository, platform);
  }

  /** Pushes HEAD to the branch that deploys and returns the deployment that came of it. */
  async push(): Promise<DeploymentView> {
    await this.repository.git("push", "bifrost", "HEAD:main");
    return this.deploymentOfHead();
  }

  /** Commits these changes, pushes, and returns the deployment that came of it. */
  async change(files: Readonly<Record<string, string>>): Promise<DeploymentView> {
    await this.repository.commit("change", files);
    return this.push();
  }

  /** The newest deployment of the commit that is checked out. */
  async deploymentOfHead(): Promise<DeploymentView> {
    const sha = await this.repository.git("rev-parse", "HEAD");
    const all = await this.platform.deployments(this.slug);
    const found = all.find(({ commit }) => commit.sha === sha);
    if (found === undefined) throw new Error(`${this.slug} has no deployment of ${sha}`);
    return found;
  }

  cli(...args: readonly string[]): Promise<Finished> {
    return this.platform.cli(args, { cwd: this.repository.folder });
  }

  get(url?: string) {
    return this.platform.get(this.slug, url);
  }
}

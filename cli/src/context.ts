/** What every command gets: output, API, folder. */
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { DeploymentView, ProjectView } from "@bifrost/shared/api/schemas";
import { Client } from "./client.ts";
import { readCredentials, type CliEnvironment, type Credentials } from "./config.ts";
import type { Output } from "./output.ts";
import { CONFIG_FILE, findAppFolder } from "./app-folder.ts";

export interface GlobalOptions {
  readonly json?: boolean;
  readonly project?: string;
  readonly dir?: string;
}

export class CommandContext {
  readonly output: Output;
  readonly environment: CliEnvironment;
  readonly folder: string;
  readonly #project: string | undefined;
  #credentials: Credentials | null = null;

  constructor(output: Output, environment: CliEnvironment, options: GlobalOptions) {
    this.output = output;
    this.environment = environment;
    this.folder = path.resolve(options.dir ?? ".");
    this.#project = options.project;
  }

  get credentials(): Credentials {
    this.#credentials ??= readCredentials(this.environment);
    return this.#credentials;
  }

  get client(): Client {
    return new Client(this.credentials);
  }

  /** The project named by --project, else by deploy.toml in this folder or one above. */
  projectKey(): string {
    if (this.#project !== undefined) return this.#project;
    const app = findAppFolder(this.folder);
    if (app?.name !== undefined) return app.name;
    throw new BifrostError(
      "bad-request",
      app === null
        ? "no project: run this in a folder with a deploy.toml, or name one with --project"
        : `${path.join(app.folder, CONFIG_FILE)} has errors, so it names no project: \`bifrost validate\` lists them; --project names one as well`,
    );
  }

  project(): Promise<ProjectView> {
    return this.client.project(this.projectKey());
  }

  /** A deployment by id, by number within the project, or the newest one. */
  async deployment(key: string | undefined): Promise<DeploymentView> {
    if (key !== undefined && !/^#?\d+$/.test(key)) return this.client.deployment(key);
    const project = this.projectKey();
    const recent = await this.client.deployments(project, { limit: 100 });
    const number = key === undefined ? undefined : Number(key.replace("#", ""));
    const found = number === undefined ? recent[0] : recent.find((one) => one.number === number);
    if (found !== undefined) return found;
    const what =
      number === undefined ? "no deployment yet; run `bifrost deploy`" : `no deployment ${number}`;
    throw new BifrostError("not-found", `${project} has ${what}`, { project });
  }
}

/** `bifrost projects list | create | delete`. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import { confirmed } from "../confirm.ts";
import { EXIT } from "../exit-code.ts";
import type { CommandSpec } from "./command.ts";

export const listProjects: CommandSpec = {
  usage: "list",
  description: "list your projects",
  example: "bifrost projects list --json",
  async run({ client, output }) {
    const projects = await client.projects();
    output.data({ items: projects });
    output.table(
      ["project", "live", "url", "repository"],
      projects.map((one) => [
        one.slug,
        one.liveNumber === 0 ? "-" : `deployment ${one.liveNumber}`,
        one.url,
        one.repository,
      ]),
    );
    if (projects.length === 0)
      output.note("No projects yet; run `bifrost deploy` in a folder with an app.");
    return EXIT.ok;
  },
};

export const createProject: CommandSpec = {
  usage: "create <name>",
  description: "register a repository as a project",
  example: "bifrost projects create shop --repository acme/shop",
  options: [
    ["--repository <owner/name>", "the repository; on a local platform made from the name"],
    ["--branch <branch>", "the branch that deploys (default main)"],
  ],
  async run({ client, output, credentials }, [name = ""], options) {
    const repository =
      options["repository"] ??
      (credentials.git === undefined ? null : `${credentials.git.owner}/${name}`);
    if (typeof repository !== "string") {
      throw new BifrostError("bad-request", "name the repository: --repository owner/name");
    }
    const branch = options["branch"];
    const project = await client.createProject({
      name,
      repository,
      ...(typeof branch === "string" ? { defaultBranch: branch } : {}),
    });
    output.data(project);
    output.line(`Created ${project.slug} for ${project.repository}: ${project.url}`);
    return EXIT.ok;
  },
};

export const deleteProject: CommandSpec = {
  usage: "delete <project>",
  description: "delete a project; its replicas end, its history stays",
  example: "bifrost projects delete shop --yes",
  options: [["--yes", "do not ask"]],
  async run({ client, output, environment }, [key = ""], options) {
    const project = await client.project(key);
    if (options["yes"] !== true)
      await confirmed({
        what: project.slug,
        consequence: "Its URL stops answering.",
        interactive: environment.interactive && !output.json,
      });
    const answer = await client.deleteProject(project.id);
    output.data(answer);
    output.line(`Deleted ${project.slug}.`);
    return EXIT.ok;
  },
};

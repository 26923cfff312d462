/** `bifrost deploy`: this folder, as it is, to a healthy URL; the exit code says how it ended. */
import path from "node:path";
import type { DeploymentView, ProjectView } from "@bifrost/shared/api/schemas";
import { renderDiagnostics } from "@bifrost/shared/app-config/diagnostic";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { CONFIG_FILE, findAppFolder } from "../app-folder.ts";
import type { CommandContext } from "../context.ts";
import { ensureProject } from "../ensure-project.ts";
import { EXIT } from "../exit-code.ts";
import { follow } from "../follow.ts";
import { Git } from "../git.ts";
import { onInterrupt } from "../interrupt.ts";
import type { CommandSpec } from "./command.ts";
import { writeFirstConfig } from "./init.ts";
import { readConfig } from "./validate.ts";

export const deploy: CommandSpec = {
  usage: "deploy",
  description: "deploy this folder and follow it until it is healthy or failed",
  example: "bifrost deploy",
  options: [
    ["--no-wait", "do not follow; print the deployment and end"],
    ["--ref <ref>", "deploy a commit, branch or tag that is pushed already"],
  ],
  async run(context, _args, options) {
    const ref = typeof options["ref"] === "string" ? options["ref"] : undefined;
    const deployment =
      ref === undefined ? await deployFolder(context) : await deployRef(context, ref);
    if (deployment === null) return EXIT.configInvalid;
    context.output.data({ kind: "created", deployment });
    context.output.line(`Deployment ${deployment.number} (${deployment.id})`);
    if (options["wait"] === false) return EXIT.ok;
    const signal = onInterrupt(() => {
      context.output.note(
        `\nIt goes on without you. Look again with: bifrost logs -f ${deployment.id}`,
      );
    });
    return follow({
      client: context.client,
      output: context.output,
      id: deployment.id,
      signal,
      beyondEnd: false,
      streams: ["build", "deploy"],
    });
  },
};

async function deployRef(context: CommandContext, ref: string): Promise<DeploymentView> {
  return context.client.createDeployment(context.projectKey(), ref);
}

/** Null when deploy.toml has errors, which are shown. */
async function deployFolder(context: CommandContext): Promise<DeploymentView | null> {
  const app = findAppFolder(context.folder);
  if (app === null) writeFirstConfig(context, context.folder);
  const folder = app?.folder ?? context.folder;
  const name = validName(context, folder);
  if (name === null) return null;
  const project = await ensureProject(context, name);
  return pushFolder(context, folder, project);
}

function validName(context: CommandContext, folder: string): string | null {
  const { output } = context;
  const bytes = readConfig(path.join(folder, CONFIG_FILE));
  const parsed = parseAppConfig(bytes);
  if (parsed.ok) return parsed.config.app.name;
  output.data({ kind: "invalid", diagnostics: parsed.diagnostics });
  output.line(
    renderDiagnostics(new TextDecoder().decode(bytes), parsed.diagnostics, {
      fileName: CONFIG_FILE,
    }),
  );
  return null;
}

async function pushFolder(
  context: CommandContext,
  folder: string,
  project: ProjectView,
): Promise<DeploymentView> {
  const { client, credentials, environment, output } = context;
  if (credentials.git === undefined) {
    throw new BifrostError(
      "bad-request",
      `push your commit to ${project.repository}, which deploys it; or deploy a pushed one with --ref`,
    );
  }
  const git = new Git(folder, environment.forChildren);
  const snapshot = await git.snapshot();
  try {
    output.line(`Pushing ${snapshot.words}`);
    const target = {
      url: `${credentials.git.url}/${project.repository}.git`,
      branch: project.defaultBranch,
      credentials: credentials.git,
    };
    const { changed } = await git.push(snapshot, target, () => {});
    const [pushed] = changed
      ? await client.deployments(project.id, { limit: 1, commit: snapshot.sha })
      : [];
    // Nothing new to push: the same commit is deployed once more.
    return pushed ?? (await client.createDeployment(project.id, snapshot.sha));
  } finally {
    snapshot.dispose();
  }
}

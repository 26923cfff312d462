/** `bifrost init`: a first deploy.toml, and the git remote for plain `git push bifrost main`. */
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { CONFIG_FILE, findAppFolder } from "../app-folder.ts";
import type { CommandContext } from "../context.ts";
import { detectRuntime, firstDeployToml } from "../detect-runtime.ts";
import { ensureProject } from "../ensure-project.ts";
import { EXIT } from "../exit-code.ts";
import { Git } from "../git.ts";
import type { CommandSpec } from "./command.ts";

const REMOTE = "bifrost";

export const init: CommandSpec = {
  usage: "init",
  description: "write deploy.toml for this folder and add the git remote `bifrost`",
  example: "cd my-app && bifrost init",
  async run(context) {
    const { output, folder } = context;
    const written = writeFirstConfig(context, folder);
    const app = findAppFolder(folder);
    if (app?.name === undefined) {
      throw new BifrostError(
        "config-invalid",
        `${CONFIG_FILE} has errors; \`bifrost validate\` shows them`,
      );
    }
    const project = await ensureProject(context, app.name);
    const remote = await addRemote(context, project.repository);
    output.data({
      config: path.join(folder, CONFIG_FILE),
      written: written !== null,
      project,
      remote,
    });
    output.line(`Project ${project.slug}: ${project.url}`);
    if (remote)
      output.line(
        `Added the git remote ${REMOTE}: \`git push ${REMOTE} main\` deploys what is committed.`,
      );
    output.line("Next: `bifrost deploy`");
    return EXIT.ok;
  },
};

/** Null when there is one already. Throws when nothing in the folder says what it is. */
export function writeFirstConfig(context: CommandContext, folder: string): string | null {
  const file = path.join(folder, CONFIG_FILE);
  if (existsSync(file)) return null;
  const detected = detectRuntime((name) => existsSync(path.join(folder, name)));
  if (detected === null) {
    throw new BifrostError(
      "config-invalid",
      `nothing in ${folder} says what kind of app it is; write a ${CONFIG_FILE} with [app] name and runtime`,
      { folder },
    );
  }
  const text = firstDeployToml(path.basename(folder), detected);
  writeFileSync(file, text, { flag: "wx" });
  context.output.line(`Wrote ${CONFIG_FILE} (${detected.sign} says ${detected.runtime}):`);
  for (const line of text.trimEnd().split("\n")) context.output.line(`  ${line}`);
  return text;
}

async function addRemote(context: CommandContext, repository: string): Promise<boolean> {
  const host = context.credentials.git;
  const git = new Git(context.folder, context.environment.forChildren);
  if (host === undefined || !(await git.isRepository())) return false;
  const url = new URL(`${host.url}/${repository}.git`);
  // Plain `git push` has no other way to sign in to this machine's own git host; the file is the user's own.
  url.username = host.user;
  url.password = host.password;
  await git.setRemote(REMOTE, url.href);
  return true;
}

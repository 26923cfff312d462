/** The project of an app: looked up by its name, created when it is new. */
import type { ProjectView } from "@bifrost/shared/api/schemas";
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import type { CommandContext } from "./context.ts";

export async function ensureProject(context: CommandContext, name: string): Promise<ProjectView> {
  const { client, credentials, output } = context;
  try {
    return await client.project(name);
  } catch (error) {
    if (!isBifrostError(error, "not-found")) throw error;
  }
  if (credentials.git === undefined) {
    throw new BifrostError(
      "not-found",
      `there is no project ${name}; create it with \`bifrost projects create ${name} --repository owner/name\``,
    );
  }
  const repository = `${credentials.git.owner}/${name}`;
  try {
    const project = await client.createProject({ name, repository, slug: name });
    output.note(`Created project ${project.slug}.`);
    return project;
  } catch (error) {
    // Someone else was first: theirs is the one.
    if (isBifrostError(error, "already-exists")) return client.project(name);
    throw error;
  }
}

/** Apps whose stages take as long as a test needs. */
import { nodeApp } from "../../support/folders.ts";
import type { PlatformUnderTest } from "../../support/platform.ts";
import { type Repository, repositoryWith } from "../../support/repository.ts";

export interface Pace {
  readonly buildSeconds?: number;
  /** Until the app listens. */
  readonly startSeconds?: number;
}

export function slowApp(slug: string, { buildSeconds = 0, startSeconds = 0 }: Pace = {}) {
  const build = buildSeconds === 0 ? "" : `[build]\ncommand = "sleep ${buildSeconds}"\n`;
  const files = nodeApp(slug, { config: build });
  const server = files["server.js"]?.replace(
    /^server\.listen.*$/m,
    (line) => `setTimeout(() => { ${line} }, ${startSeconds * 1000});`,
  );
  return { ...files, "server.js": server ?? "" };
}

/** A repository with the git remote `bifrost` of a project that exists. */
export async function registeredApp(
  platform: PlatformUnderTest,
  slug: string,
  pace: Pace = {},
): Promise<Repository> {
  const repository = await repositoryWith(slowApp(slug, pace));
  const { code, stderr } = await platform.cli(["init"], { cwd: repository.folder });
  if (code !== 0) throw new Error(`bifrost init ended with ${code}: ${stderr}`);
  return repository;
}

/** A git repository as a developer has it: plain git, untouched by the settings of whoever runs the tests. */
import { type Finished, runProgram } from "./processes.ts";
import { temporaryFolder, writeFiles } from "./folders.ts";

const ENVIRONMENT: NodeJS.ProcessEnv = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};

export class Repository {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs git and hands back how it ended. */
  try(...args: readonly string[]): Promise<Finished> {
    return runProgram("git", args, { cwd: this.folder, env: { ...process.env, ...ENVIRONMENT } });
  }

  /** Runs git and returns what it printed; throws when it fails. */
  async git(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) throw new Error(`git ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  /** Commits the folder as it is, with `files` written before, and returns the commit. */
  async commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
    writeFiles(this.folder, files);
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "-m", message);
    return this.git("rev-parse", "HEAD");
  }

  write(files: Readonly<Record<string, string>>): void {
    writeFiles(this.folder, files);
  }
}

/** A new repository on branch main with everything in `folder` committed. */
export async function repositoryIn(folder: string): Promise<Repository> {
  const repository = new Repository(folder);
  await repository.git("init", "--quiet", "--initial-branch=main");
  await repository.commit("first");
  return repository;
}

/** A new repository with these files committed. */
export function repositoryWith(files: Readonly<Record<string, string>>): Promise<Repository> {
  return repositoryIn(writeFiles(temporaryFolder(), files));
}

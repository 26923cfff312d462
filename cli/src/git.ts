/** The few things the command line asks of git, through the user's own git program. */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { BifrostError } from "@bifrost/shared/domain/errors";

const run = promisify(execFile);

/** Folders that never belong in a snapshot when no .gitignore says so. */
const DEFAULT_EXCLUDES = ["node_modules/", ".bifrost/", "__pycache__/", ".venv/"];
const IDENTITY = {
  GIT_AUTHOR_NAME: "Bifrost",
  GIT_AUTHOR_EMAIL: "bifrost@localhost",
  GIT_COMMITTER_NAME: "Bifrost",
  GIT_COMMITTER_EMAIL: "bifrost@localhost",
};

export interface GitCredentials {
  readonly user: string;
  readonly password: string;
}

export interface Snapshot {
  readonly sha: string;
  /** Where the commit lies: the user's repository, or a temporary one. */
  readonly gitDir: string;
  /** How the commit came about, in words. */
  readonly words: string;
  /** Removes what was made for it. */
  dispose(): void;
}

export class Git {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#environment = environment;
  }

  /** The commit to deploy: HEAD when everything is committed, else the folder as it lies there. */
  async snapshot(): Promise<Snapshot> {
    const gitDir = await this.#try(["rev-parse", "--absolute-git-dir"]);
    // A folder that the repository around it ignores is not part of it.
    const isIgnored = gitDir !== null && (await this.#try(["check-ignore", "--", "."])) !== null;
    if (gitDir === null || isIgnored) return this.#fromFolder();
    const prefix = ((await this.#try(["rev-parse", "--show-prefix"])) ?? "").replace(/\/$/, "");
    const head = await this.#try(["rev-parse", "--verify", "HEAD"]);
    const changes = await this.#git(["status", "--porcelain", "--", "."]);
    const branch = (await this.#try(["symbolic-ref", "--short", "HEAD"])) ?? "a detached HEAD";
    if (head !== null && changes === "" && prefix === "") {
      return { sha: head, gitDir, words: `commit ${head.slice(0, 7)} of ${branch}`, dispose() {} };
    }
    return this.#fromWorkingTree({ gitDir, prefix, head, clean: changes === "" });
  }

  async #fromWorkingTree(repository: {
    gitDir: string;
    prefix: string;
    head: string | null;
    clean: boolean;
  }): Promise<Snapshot> {
    const { gitDir, prefix, head, clean } = repository;
    const scratch = mkdtempSync(path.join(tmpdir(), "bifrost-index-"));
    try {
      const extra = { GIT_INDEX_FILE: path.join(scratch, "index"), ...IDENTITY };
      if (head !== null) await this.#git(["read-tree", head], extra);
      await this.#git(["add", "--all", "--", "."], extra);
      const tree = await this.#git(
        ["write-tree", ...(prefix === "" ? [] : [`--prefix=${prefix}/`])],
        extra,
      );
      const subject =
        head === null ? "Bifrost snapshot" : await this.#git(["log", "-1", "--format=%s", head]);
      const message = clean ? subject : `${subject} (with uncommitted changes)`;
      const parents = head === null || prefix !== "" ? [] : ["-p", head];
      const sha = await this.#git(["commit-tree", tree, ...parents, "-m", message], extra);
      const words = clean
        ? `the folder ${prefix} as committed`
        : "the folder as it is, uncommitted changes included";
      return { sha, gitDir, words, dispose() {} };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  /** No repository here: a temporary one holds the folder's files for as long as the push takes. */
  async #fromFolder(): Promise<Snapshot> {
    const gitDir = mkdtempSync(path.join(tmpdir(), "bifrost-git-"));
    const dispose = () => rmSync(gitDir, { recursive: true, force: true });
    try {
      const extra = { GIT_DIR: gitDir, GIT_WORK_TREE: this.#folder, ...IDENTITY };
      await this.#git(["init", "--quiet", "--bare", gitDir]);
      await this.#git(["config", "core.bare", "false"], extra);
      const excludes = DEFAULT_EXCLUDES.map((pattern) => `:(exclude,glob)**/${pattern}**`);
      await this.#git(["add", "--all", "--", ".", ...excludes], extra);
      const tree = await this.#git(["write-tree"], extra);
      const sha = await this.#git(
        ["commit-tree", tree, "-m", "Bifrost snapshot of a folder"],
        extra,
      );
      return { sha, gitDir, words: "the folder as it is (no git repository here)", dispose };
    } catch (error) {
      dispose();
      throw error;
    }
  }

  /** Pushes and answers whether anything was new. Lines from the other side are handed to `onRemoteLine`. */
  push(
    snapshot: Snapshot,
    target: { url: string; branch: string; credentials: GitCredentials },
    onRemoteLine: (line: string) => void,
  ): Promise<{ readonly changed: boolean }> {
    const { url, branch, credentials } = target;
    const basic = Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64");
    const args = ["push", "--porcelain", "--force", url, `${snapshot.sha}:refs/heads/${branch}`];
    return new Promise((resolve, reject) => {
      const child = spawn("git", args, {
        cwd: this.#folder,
        env: {
          ...this.#environment,
          GIT_DIR: snapshot.gitDir,
          GIT_TERMINAL_PROMPT: "0",
          // Through the environment: arguments are visible to every user of the machine.
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: `http.${url}.extraHeader`,
          GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let out = "";
      let err = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (err += chunk));
      child.once("error", () => reject(new BifrostError("missing-tool", "git is not installed")));
      child.once("close", (code) => {
        const lines = err.split("\n");
        for (const line of lines)
          if (line.startsWith("remote: ")) onRemoteLine(line.slice("remote: ".length).trimEnd());
        if (code === 0) return resolve({ changed: !/^=\t/m.test(out) });
        const last = lines.findLast((line) => /fatal|error|rejected/.test(line)) ?? out.trim();
        return reject(new BifrostError("upstream-refused", `git push failed: ${last}`));
      });
    });
  }

  /** True when the folder is inside a repository. */
  async isRepository(): Promise<boolean> {
    return (await this.#try(["rev-parse", "--absolute-git-dir"])) !== null;
  }

  async setRemote(name: string, url: string): Promise<void> {
    const known = await this.#try(["remote", "get-url", name]);
    await this.#git(
      known === null ? ["remote", "add", name, url] : ["remote", "set-url", name, url],
    );
  }

  async #git(args: readonly string[], extra: NodeJS.ProcessEnv = {}): Promise<string> {
    try {
      const { stdout } = await run("git", [...args], {
        cwd: this.#folder,
        env: { ...this.#environment, ...extra },
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout.trim();
    } catch (error) {
      const { stderr = "", code } = error as { stderr?: string; code?: string };
      if (code === "ENOENT") throw new BifrostError("missing-tool", "git is not installed");
      throw new BifrostError(
        "upstream-refused",
        `git ${args[0] ?? ""} failed: ${stderr.trim().slice(0, 300)}`,
      );
    }
  }

  async #try(args: readonly string[]): Promise<string | null> {
    return this.#git(args).catch(() => null);
  }
}

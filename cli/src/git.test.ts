import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Git, type Snapshot } from "./git.ts";

let folder = "";
let environment: NodeJS.ProcessEnv = {};
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-git-test-"));
  // Nothing of the machine's own git configuration takes part.
  environment = {
    PATH: process.env["PATH"],
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CEILING_DIRECTORIES: tmpdir(),
    GIT_AUTHOR_NAME: "Ada",
    GIT_AUTHOR_EMAIL: "ada@test",
    GIT_COMMITTER_NAME: "Ada",
    GIT_COMMITTER_EMAIL: "ada@test",
  };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: folder, env: environment, encoding: "utf8" }).trim();
}

function write(name: string, content = name): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), content);
}

function repository(...files: readonly string[]): void {
  git("init", "--quiet", "--initial-branch=main");
  for (const file of files) write(file);
  git("add", "--all");
  git("commit", "--quiet", "--allow-empty", "--message", "first");
}

const snapshot = (below = ".") => new Git(path.join(folder, below), environment).snapshot();

function filesOf({ gitDir, sha }: Snapshot): readonly string[] {
  return git("--git-dir", gitDir, "ls-tree", "-r", "--name-only", sha).split("\n").filter(Boolean);
}

describe("a snapshot", () => {
  it("of a clean repository is its HEAD", async () => {
    repository("a.js");
    const found = await snapshot();
    expect(found.sha).toBe(git("rev-parse", "HEAD"));
    expect(found.words).toContain("of main");
  });

  it("of a clean repository with a detached HEAD is that commit", async () => {
    repository("a.js");
    git("checkout", "--quiet", "--detach");
    const found = await snapshot();
    expect(found.sha).toBe(git("rev-parse", "HEAD"));
    expect(found.words).toContain("a detached HEAD");
  });

  it("holds changed, new and deleted files as they lie there, on top of HEAD", async () => {
    repository("a.js", "b.js");
    write("a.js", "changed");
    write("new/c.js");
    rmSync(path.join(folder, "b.js"));
    const found = await snapshot();
    expect(filesOf(found)).toEqual(["a.js", "new/c.js"]);
    expect(git("show", `${found.sha}:a.js`)).toBe("changed");
    expect(git("rev-parse", `${found.sha}^`)).toBe(git("rev-parse", "HEAD"));
    expect(git("log", "-1", "--format=%s", found.sha)).toBe("first (with uncommitted changes)");
  });

  it("leaves index, branch and working tree of the user as they are", async () => {
    repository("a.js");
    write("a.js", "staged");
    git("add", "a.js");
    write("a.js", "not staged");
    write("c.js");
    const before = [git("status", "--porcelain"), git("rev-parse", "HEAD"), git("show", ":a.js")];
    await snapshot();
    const after = [git("status", "--porcelain"), git("rev-parse", "HEAD"), git("show", ":a.js")];
    expect(after).toEqual(before);
  });

  it("leaves out what .gitignore names", async () => {
    repository(".gitignore", "a.js");
    write(".gitignore", "*.secret\n");
    write("key.secret");
    expect(filesOf(await snapshot())).toEqual([".gitignore", "a.js"]);
  });

  it("of an app in a sub-directory holds the app alone, at the top", async () => {
    repository("README.md", "apps/web/server.js", "apps/api/main.js");
    const clean = await snapshot("apps/web");
    expect(filesOf(clean)).toEqual(["server.js"]);
    write("apps/web/new.js");
    write("apps/api/other.js");
    expect(filesOf(await snapshot("apps/web"))).toEqual(["new.js", "server.js"]);
  });

  it("of a sub-directory does not mind changes elsewhere", async () => {
    repository("README.md", "web/server.js");
    write("README.md", "changed");
    const found = await snapshot("web");
    expect(found.words).toContain("as committed");
  });

  it("of a repository without a commit holds its files", async () => {
    git("init", "--quiet");
    write("a.js");
    expect(filesOf(await snapshot())).toEqual(["a.js"]);
  });

  it("of a folder without a repository holds its files but no installed packages, and leaves no repository", async () => {
    write("a.js");
    write(".gitignore", "ignored\n");
    write("ignored");
    write("node_modules/x/index.js");
    write("lib/node_modules/y/index.js");
    write("__pycache__/z.pyc");
    const found = await snapshot();
    expect(filesOf(found)).toEqual([".gitignore", "a.js"]);
    expect(existsSync(path.join(folder, ".git"))).toBe(false);
    found.dispose();
    expect(existsSync(found.gitDir)).toBe(false);
  });

  it("of an ignored folder inside a repository is the folder's own", async () => {
    repository(".gitignore", "a.js");
    write(".gitignore", "scratch/\n");
    write("scratch/server.js");
    const found = await snapshot("scratch");
    expect(filesOf(found)).toEqual(["server.js"]);
    found.dispose();
  });

  it("without git says that git is not installed", async () => {
    const found = new Git(folder, { ...environment, PATH: folder }).snapshot();
    await expect(found).rejects.toMatchObject({ code: "missing-tool" });
  });
});

const push = (found: Snapshot, url: string) =>
  new Git(folder, environment).push(
    found,
    { url, branch: "main", credentials: { user: "u", password: "hunter2" } },
    () => {},
  );

describe("a push", () => {
  it("says whether anything was new", async () => {
    repository("a.js");
    const remote = path.join(folder, "remote.git");
    git("init", "--quiet", "--bare", remote);
    const clean = { ...(await snapshot()), sha: git("rev-parse", "HEAD") };
    expect(await push(clean, remote)).toEqual({ changed: true });
    expect(await push(clean, remote)).toEqual({ changed: false });
  });

  it("that is refused says why, without the password", async () => {
    repository("a.js");
    const found = push(await snapshot(), path.join(folder, "no-such.git"));
    await expect(found).rejects.toMatchObject({
      code: "upstream-refused",
      message: expect.stringMatching(/^(?!.*hunter2).*git push failed/),
    });
  });
});

/** Bare repositories on disk, made on first authorised use. */
import { access, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gitText, runGit } from "./run-git.ts";
import { HttpError } from "./http-error.ts";

const OWNER = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,38})$/;
const NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,100}$/;
export const NO_COMMIT = "0".repeat(40);

/** Commit by full ref name. */
export type Refs = ReadonlyMap<string, string>;

export class Repositories {
  readonly #dir: string;
  readonly #creating = new Map<string, Promise<string>>();
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Directory of an existing repository `owner/name`. Throws 404. */
  async find(repository: string): Promise<string> {
    const dir = this.#path(repository);
    try {
      await access(join(dir, "HEAD"));
      return dir;
    } catch {
      throw new HttpError(404, `Not Found: no repository ${repository}`);
    }
  }

  async ensure(repository: string): Promise<string> {
    const dir = this.#path(repository);
    const known = this.#creating.get(repository) ?? create(dir);
    this.#creating.set(repository, known);
    known.catch(() => this.#creating.delete(repository));
    return known;
  }

  async list(): Promise<string[]> {
    await mkdir(this.#dir, { recursive: true });
    const found: string[] = [];
    for (const owner of await readdir(this.#dir)) {
      for (const name of await readdir(join(this.#dir, owner))) {
        if (name.endsWith(".git")) found.push(`${owner}/${name.slice(0, -".git".length)}`);
      }
    }
    return found.toSorted();
  }

  /** Runs tasks on one repository one after the other. */
  exclusively<T>(repository: string, task: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(repository) ?? Promise.resolve();
    const mine = before.then(task, task);
    this.#queues.set(repository, mine);
    const forget = () => {
      if (this.#queues.get(repository) === mine) this.#queues.delete(repository);
    };
    mine.then(forget, forget);
    return mine;
  }

  #path(repository: string): string {
    const [owner = "", name = "", ...rest] = repository.split("/");
    if (OWNER.test(owner) && NAME.test(name) && rest.length === 0 && !name.endsWith(".git")) {
      return join(this.#dir, owner, `${name}.git`);
    }
    throw new HttpError(404, `Not Found: "${repository.slice(0, 150)}" is not owner/name`);
  }
}

async function create(dir: string): Promise<string> {
  await mkdir(join(dir, ".."), { recursive: true });
  await gitText(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", dir]);
  return dir;
}

export async function readRefs(dir: string): Promise<Refs> {
  const format = "--format=%(refname) %(objectname)";
  const text = await gitText(["-C", dir, "for-each-ref", format, "refs/heads", "refs/tags"]);
  const lines = text === "" ? [] : text.split("\n");
  return new Map(lines.map((line) => line.split(" ", 2) as [string, string]));
}

/** Name of the default branch; the first branch that is pushed becomes it when there is none. */
export async function settleDefaultBranch(dir: string, refs: Refs): Promise<string> {
  const head = await readHead(dir);
  const first = [...refs.keys()].find((ref) => ref.startsWith("refs/heads/"));
  if (refs.has(head) || first === undefined) return head.slice("refs/heads/".length);
  await gitText(["-C", dir, "symbolic-ref", "HEAD", first]);
  return first.slice("refs/heads/".length);
}

/** The ref that HEAD names. Read as a file: a git process costs many times that, on the way of each push. */
async function readHead(dir: string): Promise<string> {
  const text = await readFile(join(dir, "HEAD"), "utf8");
  const ref = /^ref: (\S+)\n?$/.exec(text)?.[1];
  return ref ?? gitText(["-C", dir, "symbolic-ref", "HEAD"]);
}

/** Commits by repository and full id: what such an id names never changes, and a deployment asks four times. */
const resolved = new Map<string, string>();
const MAX_RESOLVED = 10_000;
const FULL_ID = /^[0-9a-f]{40}$/;

/** Full id of the commit a branch, tag or (abbreviated) id names; undefined when there is none. */
export async function resolveCommit(dir: string, ref: string): Promise<string | undefined> {
  if (!/^[\w./@-]{1,250}$/.test(ref) || ref.startsWith("-")) return undefined;
  const key = `${dir} ${ref}`;
  const known = resolved.get(key);
  if (known !== undefined) return known;
  const name = `${ref}^{commit}`;
  const command = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
  const result = await runGit(["-C", dir, ...command]);
  if (result.exitCode !== 0) return undefined;
  const commit = result.stdout.toString("utf8").trim();
  if (resolved.size >= MAX_RESOLVED) resolved.clear();
  if (FULL_ID.test(ref)) resolved.set(key, commit);
  return commit;
}

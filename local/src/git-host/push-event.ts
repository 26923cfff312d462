/** What GitHub would say about one changed ref. */
import { readCommit } from "./commit.ts";
import { NO_COMMIT, resolveCommit, type Refs } from "./repositories.ts";
import { runGit } from "./run-git.ts";

export interface RefChange {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

export interface PushSubject {
  readonly dir: string;
  readonly repository: string;
  readonly defaultBranch: string;
  readonly cloneUrl: string;
  readonly pusher: string;
}

/** Created, moved and deleted refs in the order of their names. */
export function changedRefs(before: Refs, after: Refs): RefChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names
    .map((ref) => ({
      ref,
      before: before.get(ref) ?? NO_COMMIT,
      after: after.get(ref) ?? NO_COMMIT,
    }))
    .filter((change) => change.before !== change.after);
}

/** Body of the `push` webhook. */
export async function pushEvent(subject: PushSubject, change: RefChange): Promise<unknown> {
  const created = change.before === NO_COMMIT;
  const deleted = change.after === NO_COMMIT;
  const [owner = "", name = ""] = subject.repository.split("/");
  const id = deleted ? undefined : await resolveCommit(subject.dir, change.after);
  const commit = id === undefined ? null : await readCommit(subject.dir, id);
  const { parents: _, ...head } = commit ?? { parents: [] };
  return {
    ref: change.ref,
    before: change.before,
    after: change.after,
    created,
    deleted,
    forced: !created && !deleted && !(await isForward(subject.dir, change)),
    repository: {
      full_name: subject.repository,
      name,
      owner: { login: owner, name: owner },
      default_branch: subject.defaultBranch,
      clone_url: subject.cloneUrl,
    },
    head_commit: commit === null ? null : head,
    pusher: { name: subject.pusher },
  };
}

async function isForward(dir: string, { before, after }: RefChange): Promise<boolean> {
  const result = await runGit(["-C", dir, "merge-base", "--is-ancestor", before, after]);
  return result.exitCode === 0;
}

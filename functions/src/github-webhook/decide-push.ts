/** What a push event asks for. Pure. */
import { commitShaSchema, type CommitSha } from "@bifrost/shared/domain/ids";
import type { Project } from "@bifrost/shared/domain/project";
import * as v from "valibot";

export const pushSchema = v.object({
  ref: v.string(),
  after: v.string(),
  deleted: v.optional(v.boolean(), false),
  forced: v.optional(v.boolean(), false),
  repository: v.object({ full_name: v.string() }),
  head_commit: v.optional(
    v.nullable(
      v.object({
        message: v.optional(v.string(), ""),
        author: v.optional(v.object({ name: v.optional(v.string(), "") }), {}),
      }),
    ),
  ),
  pusher: v.optional(v.object({ name: v.optional(v.string(), "") }), {}),
});
export type Push = v.InferOutput<typeof pushSchema>;

export type PushDecision =
  | {
      readonly kind: "deploy";
      readonly branch: string;
      readonly sha: CommitSha;
      readonly forced: boolean;
    }
  | { readonly kind: "ignore"; readonly why: string };

const BRANCH = "refs/heads/";

/** Only a push to the project's default branch deploys; a forced one deploys what it points at now. */
export function decidePush(push: Push, project: Project | null): PushDecision {
  if (project === null) return ignore(`no project is registered for ${push.repository.full_name}`);
  if (!push.ref.startsWith(BRANCH)) return ignore(`${push.ref} is not a branch`);
  const branch = push.ref.slice(BRANCH.length);
  if (push.deleted || /^0+$/.test(push.after)) return ignore(`branch ${branch} was deleted`);
  if (branch !== project.defaultBranch) {
    return ignore(`${branch} is not the branch that deploys; ${project.defaultBranch} is`);
  }
  const sha = v.safeParse(commitShaSchema, push.after);
  if (!sha.success) return ignore("the push names no commit");
  return { kind: "deploy", branch, sha: sha.output, forced: push.forced };
}

function ignore(why: string): PushDecision {
  return { kind: "ignore", why };
}

/** What `git push` shows as `remote:` lines: what the webhook answered, and where to look. */
import * as v from "valibot";

const createdSchema = v.object({ deployment: v.string(), number: v.number(), project: v.string() });
const ignoredSchema = v.object({ ignored: v.string() });
const refusedSchema = v.object({ detail: v.string() });

export function describePush(answer: unknown): readonly string[] {
  const created = v.safeParse(createdSchema, answer);
  if (created.success) {
    const { deployment, number, project } = created.output;
    return [
      `Bifrost: deployment ${number} of ${project} is queued.`,
      `Watch it: bifrost logs -f ${deployment}`,
    ];
  }
  const ignored = v.safeParse(ignoredSchema, answer);
  if (ignored.success) return [`Bifrost: nothing to deploy, ${ignored.output.ignored}.`];
  const refused = v.safeParse(refusedSchema, answer);
  return refused.success ? [`Bifrost: ${refused.output.detail}`] : [];
}

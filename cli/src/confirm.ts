/** Asks before what cannot be undone; scripts say `--yes`. */
import { confirm, isCancel } from "@clack/prompts";
import { BifrostError } from "@bifrost/shared/domain/errors";

export interface Question {
  readonly what: string;
  readonly consequence: string;
  readonly interactive: boolean;
}

/** Throws unless the person agrees. */
export async function confirmed({ what, consequence, interactive }: Question): Promise<void> {
  if (!interactive)
    throw new BifrostError("bad-request", `deleting ${what} cannot be undone; confirm with --yes`);
  const answer = await confirm({
    message: `Delete ${what}? ${consequence}`,
    initialValue: false,
  });
  if (answer !== true || isCancel(answer))
    throw new BifrostError("bad-request", "nothing was deleted");
}

/** Whether an onlooker saw what the records tell: every state once, in order. */
import { nameOf } from "../move-writes.ts";
import type { StoredDeployment } from "./ledger.ts";
import type { Sighting } from "./onlooker.ts";

/** Clients are told of each commit in a snapshot of its own: a seq may repeat (a note), but none is left out. */
export function wrongStates(
  { id, records }: StoredDeployment,
  seen: readonly Sighting[],
): readonly string[] {
  return seen.flatMap(({ seq, state, attempt }, index) => {
    const last = seen[index - 1]?.seq;
    const record = records[seq - 1];
    const isTrue = record?.to === state && record.attempt === attempt;
    const isNext = last === undefined || seq === last || seq === last + 1;
    return [
      ...(isTrue ? [] : [`${id} was seen as ${state} at ${seq}, attempt ${attempt}`]),
      ...(isNext ? [] : [`${id} was seen at ${seq} after ${last}`]),
    ];
  });
}

export function wrongRecords(
  { id, records }: StoredDeployment,
  seen: readonly string[],
): readonly string[] {
  const all = records.map((_, index) => nameOf(index + 1));
  return seen.join() === all.join() ? [] : [`of ${id} the records ${seen.join(" ")} were seen`];
}

/** Holds everything that is stored against the law, from the records alone. */
import { nameOf } from "../move-writes.ts";
import { CREATORS, lawfulMove } from "../the-law.ts";
import type { Ledger, StoredDeployment, StoredProject, StoredRecord } from "./ledger.ts";
import type { Promised } from "./operation.ts";

/** Every way in which the store's content breaks the law; none if it is lawful. */
export function verdict(ledger: Ledger, acknowledged: readonly Promised[]): readonly string[] {
  return [
    ...ledger.deployments.flatMap((one) => [...judgeHistory(one), ...judgeDeployment(one)]),
    ...ledger.projects.flatMap((one) => judgeProject(one, ledger.deployments)),
    ...judgePromises(ledger.deployments, acknowledged),
  ];
}

/** The complaints whose condition holds, about `subject`. */
function complaints(subject: string, about: readonly (readonly [boolean, string])[]) {
  return about.flatMap(([isSo, what]) => (isSo ? [`${subject} ${what}`] : []));
}

/** Replays the records, one after the other, through the law. */
function judgeHistory({ id, records }: StoredDeployment): readonly string[] {
  return records.flatMap((record, index) => {
    const before = records[index - 1];
    const isRetry = record.from === "failed" && record.to === "queued";
    const attempt = (before?.attempt ?? 1) + (isRetry ? 1 : 0);
    return complaints(`${id}, record ${record.name}`, [
      [record.name !== nameOf(index + 1) || record.seq !== index + 1, `is not ${index + 1}`],
      [record.from !== (before?.to ?? null), `is from ${record.from} after ${before?.to}`],
      [!isLawful(record), `is no move: ${record.from} → ${record.to} by ${record.by}`],
      [record.attempt !== attempt, `is of attempt ${record.attempt}, not ${attempt}`],
      [record.at < (before?.at ?? 0), "is older than the one before"],
    ]);
  });
}

function isLawful({ from, to, by }: StoredRecord): boolean {
  if (from === null) return to === "queued" && CREATORS.some((name) => name === by);
  return lawfulMove(from, to)?.by === by;
}

function judgeDeployment(deployment: StoredDeployment): readonly string[] {
  const { id, records, state, seq, attempt } = deployment;
  const last = records.at(-1);
  const retries = records.filter(({ from }) => from === "failed").length;
  return complaints(id, [
    [state !== last?.to, `is ${state}, its history ${last?.to}`],
    [seq !== records.length, `has seq ${seq} and ${records.length} records`],
    [attempt !== 1 + retries, `has attempt ${attempt} after ${retries} retries`],
    [deployment.stateSince !== last?.at, "is in its state since another time than its record"],
    [deployment.createdAt !== records[0]?.at, "was created at another time than its record"],
    [deployment.hasFailure !== (state === "failed"), `is ${state} and has the wrong failure`],
  ]);
}

function judgeProject(project: StoredProject, all: readonly StoredDeployment[]) {
  const own = all
    .filter(({ projectId }) => projectId === project.id)
    .toSorted((one, other) => one.number - other.number);
  const numbers = own.map(({ number }) => number);
  const live = own.findLast(({ records }) => records.some(({ to }) => to === "healthy"));
  return complaints(project.id, [
    [numbers.some((number, index) => number !== index + 1), `has numbers ${numbers.join()}`],
    [project.nextNumber !== own.length + 1, `goes on with ${project.nextNumber}`],
    [project.newestDeploymentId !== (own.at(-1)?.id ?? null), "names another newest deployment"],
    [project.liveNumber !== (live?.number ?? 0), `has live number ${project.liveNumber}`],
    [project.liveDeploymentId !== (live?.id ?? null), `serves ${project.liveDeploymentId}`],
    [
      !formersOf(live, own).includes(project.formerDeploymentId),
      `served ${project.formerDeploymentId} before`,
    ],
  ]);
}

/** What was live until `live` took over; two answers when another arrived in the same millisecond. */
function formersOf(live: StoredDeployment | undefined, own: readonly StoredDeployment[]) {
  if (live === undefined) return [null];
  const arrival = arrivalOf(live);
  const before = own.filter(({ number }) => number < live.number);
  return [
    before.findLast((one) => arrivalOf(one) < arrival)?.id ?? null,
    before.findLast((one) => arrivalOf(one) <= arrival)?.id ?? null,
  ];
}

/** When it first became healthy. */
function arrivalOf({ records }: StoredDeployment): number {
  return records.find(({ to }) => to === "healthy")?.at ?? Infinity;
}

/** Everything that was acknowledged is there, once, and nothing else is. */
function judgePromises(
  deployments: readonly StoredDeployment[],
  acknowledged: readonly Promised[],
): readonly string[] {
  const stored = deployments.flatMap(({ id, records }) =>
    records.map((record) => told({ ...record, id })),
  );
  const promised = acknowledged.map(told);
  return [
    ...lacking(promised, stored).map((one) => `${one} was acknowledged and is lost`),
    ...lacking(stored, promised).map((one) => `${one} is stored and was refused`),
    ...(new Set(promised).size === promised.length ? [] : ["a record was acknowledged twice"]),
  ];
}

function told({ id, seq, from, to, by, attempt }: Promised): string {
  return `${id} #${seq}: ${from} → ${to} by ${by}, attempt ${attempt}`;
}

function lacking(those: readonly string[], among: readonly string[]): readonly string[] {
  const known = new Set(among);
  return those.filter((one) => !known.has(one));
}

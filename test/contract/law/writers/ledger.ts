/** Everything that is stored of the lifecycle, read at one moment when nobody writes. */
import type { RestDocument } from "@bifrost/shared/cloud/firestore-rest";
import type { World } from "../../firestore-world.ts";

export interface StoredRecord {
  /** The document's name. */
  readonly name: string;
  readonly from: string | null;
  readonly to: string;
  readonly by: string;
  readonly seq: number;
  readonly attempt: number;
  readonly at: number;
}

export interface StoredDeployment {
  readonly id: string;
  readonly projectId: string;
  readonly number: number;
  readonly state: string;
  readonly seq: number;
  readonly attempt: number;
  readonly stateSince: number;
  readonly createdAt: number;
  readonly hasFailure: boolean;
  /** In the order of their names. */
  readonly records: readonly StoredRecord[];
}

export interface StoredProject {
  readonly id: string;
  readonly nextNumber: number;
  readonly newestDeploymentId: string | null;
  readonly liveNumber: number;
  readonly liveDeploymentId: string | null;
  readonly formerDeploymentId: string | null;
}

export interface Ledger {
  readonly deployments: readonly StoredDeployment[];
  readonly projects: readonly StoredProject[];
}

export async function readLedger(world: World): Promise<Ledger> {
  const all = (parent: string, collectionId: string) =>
    world.seeder.query(parent, { from: [{ collectionId }] });
  const deployments: StoredDeployment[] = [];
  for (const document of await all("", "deployments")) {
    const records = await all(document.path, "transitions");
    deployments.push(toDeployment(document, records.map(toRecord)));
  }
  return { deployments, projects: (await all("", "projects")).map(toProject) };
}

function toDeployment(document: RestDocument, records: readonly StoredRecord[]): StoredDeployment {
  const read = reader(document);
  return {
    id: read.id,
    projectId: read.text("projectId"),
    number: read.number("number"),
    state: read.text("state"),
    seq: read.number("seq"),
    attempt: read.number("attempt"),
    stateSince: read.time("stateSince"),
    createdAt: read.time("createdAt"),
    hasFailure: document.fields["failure"] !== null,
    records,
  };
}

function toRecord(document: RestDocument): StoredRecord {
  const read = reader(document);
  return {
    name: read.id,
    from: read.textOrNull("from"),
    to: read.text("to"),
    by: read.text("by"),
    seq: read.number("seq"),
    attempt: read.number("attempt"),
    at: read.time("at"),
  };
}

function toProject(document: RestDocument): StoredProject {
  const read = reader(document);
  return {
    id: read.id,
    nextNumber: read.number("nextNumber"),
    newestDeploymentId: read.textOrNull("newestDeploymentId"),
    liveNumber: read.number("liveNumber"),
    liveDeploymentId: read.textOrNull("liveDeploymentId"),
    formerDeploymentId: read.textOrNull("formerDeploymentId"),
  };
}

/** Fields by type; one that is of another type stops the test with the document's path. */
function reader({ path, fields }: RestDocument) {
  const wrong = (name: string): never => {
    throw new Error(`${path}: ${name} is ${JSON.stringify(fields[name])}`);
  };
  const text = (name: string): string => {
    const value = fields[name];
    return typeof value === "string" ? value : wrong(name);
  };
  return {
    id: path.split("/").at(-1) ?? "",
    text,
    textOrNull: (name: string) => (fields[name] === null ? null : text(name)),
    number(name: string): number {
      const value = fields[name];
      return typeof value === "number" && Number.isInteger(value) ? value : wrong(name);
    },
    time(name: string): number {
      const value = fields[name];
      return value instanceof Date ? value.getTime() : wrong(name);
    },
  };
}

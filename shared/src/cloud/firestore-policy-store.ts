/** Policies as documents, written as the caller's own principal and so bound by the security rules. */
import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";
import {
  type Policy,
  type PolicyAttachment,
  policyAttachmentsSchema,
  policySchema,
  type PolicyVersion,
  policyVersionSchema,
} from "../domain/policy.ts";
import type { Versioned } from "../ports/deployment-store.ts";
import type { PolicyLogBatch, PolicyStore } from "../ports/policy-store.ts";
import {
  type FirestoreRest,
  isOvertaken,
  type Precondition,
  type RestDocument,
  type RestWrite,
  whereEqual,
} from "./firestore-rest.ts";
import { encodeValue } from "./firestore-values.ts";

/** Where the platform's own attachments live. */
const SETTINGS = "settings/gateway";
/** Firestore takes at most 500 writes in one commit. */
const WRITES_PER_COMMIT = 400;

const logSchema = v.object({
  id: v.string(),
  lines: v.array(v.object({ at: v.date(), version: v.number(), text: v.string() })),
});

export class FirestorePolicyStore implements PolicyStore {
  readonly #store: FirestoreRest;

  constructor(store: FirestoreRest) {
    this.#store = store;
  }

  async read(name: string): Promise<Versioned<Policy> | null> {
    const document = await this.#store.get(`policies/${name}`);
    return document === null ? null : parsed(document, policySchema);
  }

  async list(teamIds: readonly string[]): Promise<readonly Policy[]> {
    const found = await Promise.all(
      [null, ...teamIds].map((teamId) =>
        this.#store.query("", {
          from: [{ collectionId: "policies" }],
          where: isTeam(teamId),
        }),
      ),
    );
    return found
      .flat()
      .map((document) => parsed(document, policySchema).value)
      .toSorted((one, other) => one.name.localeCompare(other.name));
  }

  async readVersion(name: string, version: number): Promise<Versioned<PolicyVersion> | null> {
    const document = await this.#store.get(versionPath(name, version));
    return document === null ? null : parsed(document, policyVersionSchema);
  }

  async versions(name: string): Promise<readonly PolicyVersion[]> {
    const documents = await this.#store.query(`policies/${name}`, {
      from: [{ collectionId: "versions" }],
      orderBy: [{ field: { fieldPath: "version" }, direction: "DESCENDING" }],
    });
    return documents.map((document) => parsed(document, policyVersionSchema).value);
  }

  async addVersion(
    current: Versioned<Policy> | null,
    next: Policy,
    version: PolicyVersion,
    dropped: readonly number[],
  ): Promise<void> {
    await this.#write(next.name, [
      setPolicy(next, current === null ? { exists: false } : { updateTime: current.version }),
      {
        set: versionPath(next.name, version.version),
        fields: version,
        must: { exists: false },
      },
      ...dropped.map((one) => ({ delete: versionPath(next.name, one) })),
    ]);
  }

  async change(current: Versioned<Policy>, next: Policy): Promise<void> {
    await this.#write(next.name, [setPolicy(next, { updateTime: current.version })]);
  }

  async delete(current: Versioned<Policy>): Promise<void> {
    const { name } = current.value;
    const versions = await this.#pathsIn(`policies/${name}`, "versions");
    await this.#write(name, [
      { delete: `policies/${name}`, must: { updateTime: current.version } },
      ...versions.map((path) => ({ delete: path })),
    ]);
    for (;;) {
      const output = await this.#pathsIn(`policies/${name}`, "output");
      if (output.length === 0) return;
      await this.#store.commit(output.map((path) => ({ delete: path })));
    }
  }

  async changeVersion(
    name: string,
    current: Versioned<PolicyVersion>,
    next: PolicyVersion,
  ): Promise<void> {
    await this.#write(name, [
      {
        set: versionPath(name, next.version),
        fields: next,
        must: { updateTime: current.version },
      },
    ]);
  }

  async uses(name: string): Promise<readonly string[]> {
    const [projects, routes, platform] = await Promise.all([
      this.#fieldsOf("projects", ["slug", "policies"]),
      this.#fieldsOf("routes", ["policies", "paths"]),
      this.platformPolicies(),
    ]);
    const uses = (attached: unknown): boolean =>
      Array.isArray(attached) && attached.some((one) => isRecord(one) && one["policy"] === name);
    const inPaths = (paths: unknown): boolean =>
      Array.isArray(paths) && paths.some((one) => isRecord(one) && uses(one["policies"]));
    return [
      ...(uses(platform.value) ? ["the platform"] : []),
      ...projects
        .filter(({ fields }) => uses(fields["policies"]))
        .map(({ fields }) => `project ${String(fields["slug"])}`),
      ...routes
        .filter(({ fields }) => uses(fields["policies"]) || inPaths(fields["paths"]))
        .map(({ path }) => `route ${path.slice("routes/".length)}`),
    ];
  }

  async platformPolicies(): Promise<Versioned<readonly PolicyAttachment[]>> {
    const document = await this.#store.get(SETTINGS);
    const attached = v.safeParse(
      v.optional(policyAttachmentsSchema, []),
      document?.fields["policies"],
    );
    if (!attached.success) throw corrupt(SETTINGS, "policies");
    return { value: attached.output, version: document?.updateTime ?? "" };
  }

  async setPlatformPolicies(
    current: Versioned<readonly PolicyAttachment[]>,
    next: readonly PolicyAttachment[],
  ): Promise<void> {
    const must = current.version === "" ? { exists: false } : { updateTime: current.version };
    await this.#write("the platform's policies", [
      { set: SETTINGS, fields: { policies: next }, merge: true, must },
    ]);
  }

  async addLog(name: string, batch: PolicyLogBatch, expireAt: Date): Promise<void> {
    await this.#store.commit([
      { set: `policies/${name}/output/${batch.id}`, fields: { ...batch, expireAt } },
    ]);
  }

  async log(
    name: string,
    { limit, after }: { limit: number; after?: string },
  ): Promise<readonly PolicyLogBatch[]> {
    const field = { fieldPath: "id" };
    const documents = await this.#store.query(`policies/${name}`, {
      from: [{ collectionId: "output" }],
      ...(after === undefined
        ? {}
        : { where: { fieldFilter: { field, op: "GREATER_THAN", value: encodeValue(after) } } }),
      orderBy: [{ field, direction: after === undefined ? "DESCENDING" : "ASCENDING" }],
      limit,
    });
    const batches = documents.map((document) => parsed(document, logSchema).value);
    return after === undefined ? batches.toReversed() : batches;
  }

  async #pathsIn(parent: string, collectionId: string): Promise<readonly string[]> {
    const select = { fields: [{ fieldPath: "__name__" }] };
    const query = { from: [{ collectionId }], select, limit: WRITES_PER_COMMIT };
    return (await this.#store.query(parent, query)).map(({ path }) => path);
  }

  #fieldsOf(collectionId: string, fields: readonly string[]): Promise<readonly RestDocument[]> {
    return this.#store.query("", {
      from: [{ collectionId }],
      select: { fields: fields.map((fieldPath) => ({ fieldPath })) },
    });
  }

  async #write(what: string, writes: readonly RestWrite[]): Promise<void> {
    try {
      await this.#store.commit(writes);
    } catch (error) {
      throw isOvertaken(error) ? conflict(what, error) : error;
    }
  }
}

function setPolicy(policy: Policy, must: Precondition): RestWrite {
  const { updatedAt: _updatedAt, ...fields } = policy;
  return { set: `policies/${policy.name}`, fields, serverTimes: ["updatedAt"], must };
}

function versionPath(name: string, version: number): string {
  return `policies/${name}/versions/${version}`;
}

function isTeam(teamId: string | null): object {
  return teamId === null
    ? { unaryFilter: { field: { fieldPath: "teamId" }, op: "IS_NULL" } }
    : whereEqual({ teamId }, encodeValue);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function parsed<Schema extends v.GenericSchema>(
  document: RestDocument,
  schema: Schema,
): Versioned<v.InferOutput<Schema>> {
  const result = v.safeParse(schema, document.fields);
  if (!result.success) throw corrupt(document.path, v.getDotPath(result.issues[0]) ?? "its fields");
  return { value: result.output, version: document.updateTime };
}

function corrupt(path: string, field: string): BifrostError {
  return new BifrostError("data-corrupt", `${path}: ${field} is not what it should be`, { path });
}

function conflict(what: string, cause: unknown): BifrostError {
  const message = `somebody else changed ${what} meanwhile; read it again`;
  return new BifrostError("write-conflict", message, {}, { cause });
}

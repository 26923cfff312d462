/** firestore.indexes.json as the Firebase CLI deploys it: composite indexes, single-field overrides, TTL fields. */
import * as v from "valibot";
import { formatFieldPath, parseFieldPath } from "../values/field-path.ts";

export type IndexMode = "ASCENDING" | "DESCENDING" | "CONTAINS";
export type QueryScope = "COLLECTION" | "COLLECTION_GROUP";

export interface IndexField {
  /** As formatFieldPath writes it. */
  readonly path: string;
  readonly mode: IndexMode;
}

export interface Index {
  readonly collectionGroup: string;
  readonly scope: QueryScope;
  /** Without the name that ends every index. */
  readonly fields: readonly IndexField[];
  readonly nameDirection: "ASCENDING" | "DESCENDING";
}

/** The single-field indexes of one field in place of the automatic ones. */
export interface FieldOverride {
  readonly collectionGroup: string;
  /** `*` speaks for every field of the collection group that has no override of its own. */
  readonly path: string;
  readonly indexes: readonly { readonly mode: IndexMode; readonly scope: QueryScope }[];
}

export interface TtlField {
  readonly collectionGroup: string;
  readonly path: string;
}

export interface IndexDefinitions {
  readonly composites: readonly Index[];
  readonly overrides: readonly FieldOverride[];
  readonly ttlFields: readonly TtlField[];
}

const order = v.picklist(["ASCENDING", "DESCENDING"]);
const scope = v.picklist(["COLLECTION", "COLLECTION_GROUP"]);
const collectionGroup = v.pipe(v.string(), v.nonEmpty("a collection id is expected"));
const fieldPath = v.pipe(
  v.string(),
  v.check(isFieldPath, "a field path such as commit.sha is expected"),
  v.transform((text) => (text === "*" ? text : formatFieldPath(parseFieldPath(text)))),
);
const MODE_EXPECTED =
  '"order": "ASCENDING" or "DESCENDING", or "arrayConfig": "CONTAINS", is expected (no vector indexes)';

const indexSchema = v.strictObject({
  collectionGroup,
  queryScope: scope,
  fields: v.pipe(
    v.array(
      v.union(
        [
          v.strictObject({ fieldPath, order }),
          v.strictObject({ fieldPath, arrayConfig: v.literal("CONTAINS") }),
        ],
        ({ input }) => `${MODE_EXPECTED}, and a field path; found ${JSON.stringify(input)}`,
      ),
    ),
    v.nonEmpty("an index has at least one field"),
  ),
});

const anyOverride = v.strictObject({
  collectionGroup,
  fieldPath,
  ttl: v.optional(v.boolean(), false),
  indexes: v.array(
    v.union(
      [
        v.strictObject({ queryScope: v.optional(scope, "COLLECTION"), order }),
        v.strictObject({
          queryScope: v.optional(scope, "COLLECTION"),
          arrayConfig: v.literal("CONTAINS"),
        }),
      ],
      MODE_EXPECTED,
    ),
  ),
});

const overrideSchema = v.pipe(
  anyOverride,
  v.forward(
    v.check(
      ({ ttl, fieldPath: path }) => !ttl || path !== "*",
      'a TTL is for one field by its name, not for "*"; name the field that holds the time of expiry',
    ),
    ["ttl"],
  ),
);

const fileSchema = v.strictObject({
  indexes: v.optional(v.array(indexSchema), []),
  fieldOverrides: v.optional(v.array(overrideSchema), []),
});

/** The file is not what the Firebase CLI would deploy; the message lists each place. */
export class IndexFileError extends Error {
  override readonly name = "IndexFileError";
}

/** Throws IndexFileError. */
export function parseIndexFile(text: string): IndexDefinitions {
  const parsed = v.safeParse(fileSchema, parseJson(text));
  if (!parsed.success) {
    const places = parsed.issues.map(
      (issue) => `${v.getDotPath(issue) ?? "the file"}: ${issue.message}`,
    );
    throw new IndexFileError(`firestore.indexes.json is not valid:\n${places.join("\n")}`);
  }
  const { indexes, fieldOverrides } = parsed.output;
  return {
    composites: indexes.map(toIndex),
    overrides: fieldOverrides.map((override) => ({
      collectionGroup: override.collectionGroup,
      path: override.fieldPath,
      indexes: override.indexes.map((one) => ({ mode: modeOf(one), scope: one.queryScope })),
    })),
    ttlFields: fieldOverrides
      .filter(({ ttl }) => ttl)
      .map((override) => ({ collectionGroup: override.collectionGroup, path: override.fieldPath })),
  };
}

function toIndex(raw: v.InferOutput<typeof indexSchema>): Index {
  const fields = raw.fields.map((field) => ({ path: field.fieldPath, mode: modeOf(field) }));
  const last = fields.at(-1);
  const isNamed = last?.path === "__name__";
  return {
    collectionGroup: raw.collectionGroup,
    scope: raw.queryScope,
    fields: isNamed ? fields.slice(0, -1) : fields,
    // The name follows the direction of the last field unless the index says otherwise.
    nameDirection: last?.mode === "DESCENDING" ? "DESCENDING" : "ASCENDING",
  };
}

function modeOf(
  field: { order: "ASCENDING" | "DESCENDING" } | { arrayConfig: "CONTAINS" },
): IndexMode {
  return "order" in field ? field.order : field.arrayConfig;
}

function isFieldPath(text: string): boolean {
  if (text === "*") return true;
  try {
    parseFieldPath(text);
    return true;
  } catch {
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new IndexFileError(`firestore.indexes.json is not JSON: ${String(error)}`, {
      cause: error,
    });
  }
}

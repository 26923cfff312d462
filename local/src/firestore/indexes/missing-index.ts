/** The refusal of a query that no index serves: what is missing, ready to be put into firestore.indexes.json. */
import { RpcError } from "../rpc-error.ts";
import type { FieldOverride, IndexDefinitions, IndexMode } from "./index-file.ts";
import type { IndexNeed } from "./index-plan.ts";
import { settingsFor } from "./single-field-indexes.ts";

/** An index that would serve the need alone. */
export function missingIndex(needs: readonly IndexNeed[], definitions: IndexDefinitions): RpcError {
  const advice = needs.map((need) => adviceFor(need, definitions));
  return new RpcError("FAILED_PRECONDITION", advice.join("\n"));
}

function adviceFor(need: IndexNeed, definitions: IndexDefinitions): string {
  if (need.collectionId === "") {
    return "The query requires an index that can't exist: without a collection id documents are found by name only.";
  }
  const field = singleField(need);
  return field === undefined ? compositeAdvice(need) : overrideAdvice(need, field, definitions);
}

function compositeAdvice(need: IndexNeed): string {
  const entry = {
    collectionGroup: need.collectionId,
    queryScope: need.scope,
    fields: entryFields(need),
  };
  return `The query requires an index. Add this to "indexes" in firestore.indexes.json: ${JSON.stringify(entry)}`;
}

function entryFields(need: IndexNeed): object[] {
  const fields = [
    ...need.equalities.map((fieldPath) => ({ fieldPath, order: "ASCENDING" })),
    ...need.contains.map((fieldPath) => ({ fieldPath, arrayConfig: "CONTAINS" })),
    ...need.orders.map(({ path, direction }) => ({ fieldPath: path, order: direction })),
    ...need.aggregated.map((fieldPath) => ({ fieldPath, order: "ASCENDING" })),
  ];
  const last = fields.at(-1);
  const implied = last !== undefined && "order" in last ? last.order : "ASCENDING";
  const isNamed = need.aggregated.length === 0 && implied !== need.nameDirection;
  const name = { fieldPath: "__name__", order: need.nameDirection };
  return isNamed || fields.length === 0 ? [...fields, name] : fields;
}

interface SingleField {
  readonly path: string;
  readonly mode: IndexMode;
}

/** Set when an index on one field would do: such indexes are managed as field overrides. */
function singleField(need: IndexNeed): SingleField | undefined {
  const fields: SingleField[] = [
    ...need.equalities.map((path) => ({ path, mode: need.nameDirection })),
    ...need.contains.map((path) => ({ path, mode: "CONTAINS" as const })),
    ...need.orders.map(({ path, direction }) => ({ path, mode: direction })),
    ...need.aggregated.map((path) => ({ path, mode: "ASCENDING" as const })),
  ];
  const [field] = fields;
  if (field === undefined || fields.length > 1) return undefined;
  const implied = field.mode === "DESCENDING" ? "DESCENDING" : "ASCENDING";
  return need.aggregated.length > 0 || implied === need.nameDirection ? field : undefined;
}

function overrideAdvice(
  { collectionId, scope }: IndexNeed,
  { path, mode }: SingleField,
  { overrides }: IndexDefinitions,
): string {
  const kind = { ASCENDING: "ASC", DESCENDING: "DESC", CONTAINS: "CONTAINS" }[mode];
  const indexes: FieldOverride["indexes"] = [
    ...settingsFor(collectionId, path, overrides),
    { mode, scope },
  ];
  const entry = {
    collectionGroup: collectionId,
    fieldPath: path,
    indexes: indexes.map((one) => ({
      queryScope: one.scope,
      ...(one.mode === "CONTAINS" ? { arrayConfig: one.mode } : { order: one.mode }),
    })),
  };
  return (
    `The query requires a ${scope}_${kind} index for collection ${collectionId} and field ${path}. ` +
    `Make this the field's entry in "fieldOverrides" in firestore.indexes.json: ${JSON.stringify(entry)}`
  );
}

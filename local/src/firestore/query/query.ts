/** `StructuredQuery`: parsed once, then judged by the rules, run over a view of the store, or asked about documents. */
import type { FieldValue, Fields, StoredDocument } from "../document.ts";
import type { DocumentView } from "../store/document-view.ts";
import {
  fieldOf,
  formatFieldPath,
  getField,
  isDocumentName,
  withField,
  type FieldPath,
} from "../values/field-path.ts";
import { firstInOrder } from "./first-in-order.ts";
import { fieldPathAt, fieldTests, matchesFilter, parseFilter, type Filter } from "./filter.ts";
import { normalizeValue } from "../values/normalize-value.ts";
import { checkFilterLimits } from "./query-limits.ts";
import { checkId, ROOT_SEGMENTS } from "../resource-name.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import { compareUtf8 } from "../values/utf8-order.ts";
import { compareValues, kindOf } from "../values/values.ts";
import {
  booleanAt,
  listAt,
  objectAt,
  optionalCount,
  optionalObject,
  optionalString,
  type Json,
} from "../wire-json.ts";

export interface Order {
  readonly path: FieldPath;
  readonly sign: 1 | -1;
}

interface Cursor {
  readonly values: readonly FieldValue[];
  readonly before: boolean;
}

export class Query {
  readonly parent: string;
  /** Empty: every collection under the parent. */
  readonly collectionId: string;
  readonly allDescendants: boolean;
  /** Whether one document's membership depends on others (limit, offset) or on a cursor. */
  readonly isWindowed: boolean;
  readonly filter: Filter;
  /** The explicit orders and the implied ones; `__name__` is among them. */
  readonly orders: readonly Order[];
  readonly offset: number;
  readonly limit: number | undefined;
  readonly #start: Cursor | undefined;
  readonly #end: Cursor | undefined;
  readonly #select: readonly FieldPath[] | undefined;

  /** Throws INVALID_ARGUMENT, or UNIMPLEMENTED for parts this server does not have. */
  constructor(parent: string, source: Json) {
    this.parent = parent;
    if (source["findNearest"] !== undefined) throw new RpcError("UNIMPLEMENTED", "findNearest");
    const from = listAt(source["from"], "from");
    if (from.length > 1) throw invalid("A query has exactly one collection selector.");
    const selector = optionalObject(from[0], "from") ?? {};
    this.collectionId = optionalString(selector["collectionId"], "from.collectionId") ?? "";
    if (this.collectionId !== "") checkId(this.collectionId);
    this.allDescendants = booleanAt(selector["allDescendants"], "from.allDescendants");
    this.filter = parseFilter(source["where"]);
    const explicit = explicitOrders(source["orderBy"]);
    checkFilterLimits(this.filter, explicit.length + parent.split("/").length - ROOT_SEGMENTS);
    this.orders = withImpliedOrders(explicit, this.filter);
    this.#start = this.#cursor(source["startAt"], "startAt");
    this.#end = this.#cursor(source["endAt"], "endAt");
    this.offset = optionalCount(source["offset"], "offset") ?? 0;
    this.limit = optionalCount(source["limit"], "limit");
    this.#select = projection(source["select"]);
    this.isWindowed =
      this.limit !== undefined ||
      this.offset > 0 ||
      this.#start !== undefined ||
      this.#end !== undefined;
  }

  /** The one collection asked for; undefined when the query reaches into several. */
  get collectionPath(): string | undefined {
    if (this.allDescendants || this.collectionId === "") return undefined;
    return `${this.parent}/${this.collectionId}`;
  }

  /** The result in order, unprojected. */
  run(view: DocumentView): StoredDocument[] {
    const last = this.offset + (this.limit ?? Number.POSITIVE_INFINITY);
    const found = firstInOrder(this.#found(view), last, (a, b) => this.#compare(a, b));
    return this.offset === 0 ? found : found.slice(this.offset);
  }

  *#found(view: DocumentView): Iterable<StoredDocument> {
    const path = this.collectionPath;
    for (const document of path === undefined ? view.under(this.parent) : view.collection(path)) {
      const isSelected = path !== undefined || this.selects(document.name);
      if (isSelected && this.#satisfies(document) && this.#isInside(document)) yield document;
    }
  }

  /** Whether the document satisfies selector, filter and order fields, cursors and limits aside. */
  matches(document: StoredDocument): boolean {
    return this.selects(document.name) && this.#satisfies(document);
  }

  #satisfies(document: StoredDocument): boolean {
    return (
      matchesFilter(this.filter, document) &&
      this.orders.every((order) => fieldOf(document, order.path) !== undefined)
    );
  }

  /** Whether the name lies in the collections asked for. */
  selects(name: string): boolean {
    if (!name.startsWith(`${this.parent}/`)) return false;
    const segments = name.slice(this.parent.length + 1).split("/");
    if (!this.allDescendants && segments.length !== 2) return false;
    return this.collectionId === "" || segments.at(-2) === this.collectionId;
  }

  project(document: StoredDocument): StoredDocument {
    return this.#select === undefined ? document : projected(document, this.#select);
  }

  #compare(a: StoredDocument, b: StoredDocument): number {
    for (const { path, sign } of this.orders) {
      const order = compareValues(fieldOf(a, path) ?? {}, fieldOf(b, path) ?? {});
      if (order !== 0) return order * sign;
    }
    return 0;
  }

  #isInside(document: StoredDocument): boolean {
    if (this.#start !== undefined) {
      const order = this.#position(document, this.#start);
      if (this.#start.before ? order < 0 : order <= 0) return false;
    }
    if (this.#end === undefined) return true;
    const order = this.#position(document, this.#end);
    return this.#end.before ? order < 0 : order <= 0;
  }

  #position(document: StoredDocument, cursor: Cursor): number {
    for (const [index, value] of cursor.values.entries()) {
      const order = this.orders[index];
      if (order === undefined) return 0;
      const difference = compareValues(fieldOf(document, order.path) ?? {}, value) * order.sign;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #cursor(raw: unknown, where: string): Cursor | undefined {
    const cursor = optionalObject(raw, where);
    if (cursor === undefined) return undefined;
    const values = listAt(cursor["values"], where).map((value) => normalizeValue(value, where));
    if (values.length > this.orders.length)
      throw invalid(`'${where}' has more values than the order has fields.`);
    for (const [index, value] of values.entries()) {
      const path = this.orders[index]?.path ?? [];
      if (isDocumentName(path) && kindOf(value) !== "referenceValue") {
        throw invalid(`'${where}': the position in __name__ must be a reference.`);
      }
    }
    return { values, before: booleanAt(cursor["before"], where) };
  }
}

function explicitOrders(raw: unknown): Order[] {
  const orders = listAt(raw, "orderBy").map((one): Order => {
    const order = objectAt(one, "orderBy");
    const direction = optionalString(order["direction"], "orderBy.direction") ?? "ASCENDING";
    if (!Object.hasOwn(SIGNS, direction))
      throw invalid(`'orderBy.direction' must be ASCENDING or DESCENDING.`);
    const sign = SIGNS[direction] ?? 1;
    return { path: fieldPathAt(order["field"], "orderBy.field"), sign };
  });
  const texts = orders.map(({ path }) => formatFieldPath(path));
  const twice = texts.find((text, index) => texts.indexOf(text) !== index);
  if (twice !== undefined) throw invalid(`'orderBy' names the field ${twice} twice.`);
  return orders;
}

const SIGNS: Readonly<Record<string, 1 | -1>> = {
  DIRECTION_UNSPECIFIED: 1,
  ASCENDING: 1,
  DESCENDING: -1,
};

/** Then every inequality field by path, then the name, in the last explicit direction. */
function withImpliedOrders(explicit: readonly Order[], filter: Filter): Order[] {
  const result = [...explicit];
  const sign = result.at(-1)?.sign ?? 1;
  const seen = new Set(result.map((order) => formatFieldPath(order.path)));
  const inequalities = fieldTests(filter).filter(({ role }) => role === "inequality");
  const implied = new Map(inequalities.map(({ path }) => [formatFieldPath(path), path]));
  for (const [text, path] of [...implied].toSorted(([a], [b]) => compareUtf8(a, b))) {
    if (!seen.has(text) && text !== "__name__") result.push({ path, sign });
  }
  if (!seen.has("__name__")) result.push({ path: ["__name__"], sign });
  return result;
}

function projection(raw: unknown): FieldPath[] | undefined {
  const select = optionalObject(raw, "select");
  return select === undefined
    ? undefined
    : listAt(select["fields"], "select.fields").map((field) => fieldPathAt(field, "select.fields"));
}

/** The document with only these fields; `__name__` alone leaves none. */
export function projected(document: StoredDocument, paths: readonly FieldPath[]): StoredDocument {
  let fields: Fields = {};
  for (const path of paths) {
    const value = isDocumentName(path) ? undefined : getField(document.fields, path);
    if (value !== undefined) fields = withField(fields, path, value);
  }
  return { ...document, fields };
}

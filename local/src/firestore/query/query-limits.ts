/** What production refuses of a query before it looks for an index. */
import { formatFieldPath, isDocumentName } from "../values/field-path.ts";
import { fieldTests, type FieldTest, type Filter } from "./filter.ts";
import { invalid } from "../rpc-error.ts";

/*
 * https://firebase.google.com/docs/firestore/query-data/queries#limitations,
 * https://firebase.google.com/docs/firestore/query-data/multiple-range-fields#limitations, and the requirements
 * written beside each operator of google.firestore.v1.StructuredQuery.
 */
const MAX_DISJUNCTIONS = 30;
const MAX_INEQUALITY_FIELDS = 10;
const MAX_PARTS = 100;
const NEGATIONS = new Set<FieldTest["operator"]>([
  "NOT_EQUAL",
  "NOT_IN",
  "IS_NOT_NULL",
  "IS_NOT_NAN",
]);

/** Throws INVALID_ARGUMENT. `otherParts`: sort orders and segments of the parent, which share one limit with the filters. */
export function checkFilterLimits(filter: Filter, otherParts: number): void {
  const tests = fieldTests(filter);
  if (tests.length + otherParts > MAX_PARTS) {
    throw invalid(
      `Filters, sort orders and segments of the parent may be ${MAX_PARTS} together, found ${tests.length + otherParts}.`,
    );
  }
  checkDisjunctions(filter);
  checkNegations(filter, tests);
  checkInequalities(tests);
  checkContains(filter);
}

function checkDisjunctions(filter: Filter): void {
  const count = disjunctions(filter);
  if (count > MAX_DISJUNCTIONS) {
    throw invalid(
      `In disjunctive normal form a query may have ${MAX_DISJUNCTIONS} disjunctions, this one has ${count}.`,
    );
  }
}

/** Conjunctions that the filter becomes when every OR and every list is multiplied out. */
function disjunctions(filter: Filter): number {
  if (filter.kind === "field") return filter.points;
  const counts = filter.filters.map(disjunctions);
  return filter.kind === "and"
    ? counts.reduce((product, count) => product * count, 1)
    : counts.reduce((sum, count) => sum + count, 0);
}

function checkNegations(filter: Filter, tests: readonly FieldTest[]): void {
  const negations = tests.filter(({ operator }) => NEGATIONS.has(operator));
  if (negations.length > 1) {
    const found = negations.map(({ operator }) => operator).join(" and ");
    throw invalid(`A query may have one of ${[...NEGATIONS].join(", ")}; found ${found}.`);
  }
  if (!tests.some(({ operator }) => operator === "NOT_IN")) return;
  const list = tests.find(({ operator }) => operator === "IN" || operator === "ARRAY_CONTAINS_ANY");
  if (list !== undefined) throw invalid(`NOT_IN can't be combined with ${list.operator}.`);
  if (holdsOr(filter)) throw invalid("NOT_IN can't be combined with OR.");
}

function holdsOr(filter: Filter): boolean {
  if (filter.kind === "field") return false;
  return (filter.kind === "or" && filter.filters.length > 1) || filter.filters.some(holdsOr);
}

function checkInequalities(tests: readonly FieldTest[]): void {
  const inequalities = tests.filter(({ role }) => role === "inequality");
  const fields = new Set(inequalities.map(({ path }) => formatFieldPath(path)));
  if (fields.size > MAX_INEQUALITY_FIELDS) {
    throw invalid(
      `Range and inequality filters may be on ${MAX_INEQUALITY_FIELDS} fields, found ${fields.size}.`,
    );
  }
  const namesDocument = tests.some(({ role, path }) => role === "equality" && isDocumentName(path));
  if (namesDocument && [...fields].some((field) => field !== "__name__")) {
    throw invalid("An inequality on a field can't be combined with an equality on __name__.");
  }
}

/** At most one test on array contents in each conjunction. */
function checkContains(filter: Filter): void {
  if (mostContains(filter) > 1) {
    throw invalid(
      "A conjunction may have one of ARRAY_CONTAINS and ARRAY_CONTAINS_ANY; join several with OR.",
    );
  }
}

function mostContains(filter: Filter): number {
  if (filter.kind === "field") return filter.role === "contains" ? 1 : 0;
  const counts = filter.filters.map(mostContains);
  return filter.kind === "and"
    ? counts.reduce((sum, count) => sum + count, 0)
    : Math.max(0, ...counts);
}

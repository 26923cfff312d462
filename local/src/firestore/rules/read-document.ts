/** exists, get, existsAfter and getAfter. */
import { EvaluationError } from "./evaluation-error.ts";
import { importDocument } from "./import-values.ts";
import type { Decision } from "./run.ts";
import type { Value } from "./values.ts";

/** `get` of a missing document is an error, never null. */
export function readDocument(name: string, place: Value, { asked, budget }: Decision): Value {
  if (typeof place !== "object" || place?.kind !== "path") {
    throw new EvaluationError(`${name}: expected a path`);
  }
  const [databases, , documents] = place.segments;
  const isDocument = place.segments.length > 3 && place.segments.length % 2 === 1;
  if (databases !== "databases" || documents !== "documents" || !isDocument) {
    throw new EvaluationError(`${name}: expected /databases/{d}/documents/... of a document`);
  }
  const project = asked.name.slice(0, asked.name.indexOf("/", "projects/".length));
  const key = `${project}/${place.segments.join("/")}`;
  const after = name.endsWith("After");
  budget.accessed(after ? `${key} after` : key);
  const document = after ? asked.readAfter(key) : asked.read(key);
  if (name.startsWith("exists")) return document !== null;
  if (document === null) throw new EvaluationError(`${name}: the document does not exist`);
  return importDocument(document);
}

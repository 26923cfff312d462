/** Names the language reserves; nothing in a rules file may redefine them. */

export const NAMESPACE_NAMES: ReadonlySet<string> = new Set([
  "duration",
  "hashing",
  "latlng",
  "math",
  "timestamp",
]);

/** Types `is` can test for. `null` and `set` are no type names of the language. */
export const TYPE_NAMES: ReadonlySet<string> = new Set([
  "bool",
  "bytes",
  "duration",
  "float",
  "int",
  "latlng",
  "list",
  "map",
  "number",
  "path",
  "string",
  "timestamp",
]);

const KEYWORDS = ["allow", "function", "if", "in", "is", "let", "match", "return", "service"];
const CONSTANTS = ["true", "false", "null", "request", "resource"];

/** Names that a parameter, a `let`, a capture or a function may not take. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  ...KEYWORDS,
  ...CONSTANTS,
  ...NAMESPACE_NAMES,
]);

/** What may stand after `request.`, `request.auth.`, `request.query.` and `resource.`. */
export const REQUEST_FIELDS: Readonly<Record<string, ReadonlySet<string>>> = {
  request: new Set(["auth", "method", "path", "query", "resource", "time"]),
  "request.auth": new Set(["token", "uid"]),
  "request.query": new Set(["limit", "offset"]),
  "request.resource": new Set(["__name__", "data", "id"]),
  resource: new Set(["__name__", "data", "id"]),
};

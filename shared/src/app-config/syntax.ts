/** The gate of the deploy.toml parser: TOML text to plain values, or every line that is not TOML. */
import { parse as parseToml } from "toml";
import type { Diagnostic } from "./diagnostic.ts";
import type { Failure } from "./explain-syntax.ts";
import { explainFailure, failureOf } from "./explain-syntax.ts";

/** deploy.toml is two levels deep; more is never right and costs time. */
const MAX_DEPTH = 16;
/** Each further error costs two more parses, so only texts of ordinary size get them. */
const LARGEST_RECOVERED = 8 * 1024;
const MOST_SYNTAX_ERRORS = 10;

/** Dates arrive as dates: by default the library hands out local ones as text, which would pass as strings. */
const AS_DATE = { from: () => new Date(Number.NaN) };
const OPTIONS = {
  maxDepth: MAX_DEPTH,
  useTemporal: true,
  temporal: {
    ZonedDateTime: AS_DATE,
    PlainDateTime: AS_DATE,
    PlainDate: AS_DATE,
    PlainTime: AS_DATE,
  },
};

export type PlainTable = Readonly<Record<string, unknown>>;

interface SyntaxResult {
  /** Values of the text without its bad lines; null when too little of it could be read. */
  readonly values: PlainTable | null;
  /** The text the values came from: bad lines are blanked, so positions stay true. */
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Never throws. After a bad line it reads on without that line, as long as that is certain to be safe. */
export function readToml(source: string): SyntaxResult {
  const diagnostics: Diagnostic[] = [];
  let text = source;
  for (;;) {
    const outcome = tryParse(text);
    if (outcome.failure === null) return { values: outcome.values, text, diagnostics };
    diagnostics.push(explainFailure(text, outcome.failure));
    const next = diagnostics.length < MOST_SYNTAX_ERRORS ? without(text, outcome.failure) : null;
    if (next === null) return { values: null, text, diagnostics };
    text = next;
  }
}

type Outcome =
  | { readonly failure: null; readonly values: PlainTable }
  | { readonly failure: Failure };

function tryParse(text: string): Outcome {
  try {
    return { failure: null, values: parseToml(text, OPTIONS) as PlainTable };
  } catch (error) {
    return { failure: failureOf(text, error) };
  }
}

/** The text with the failing line blanked; null when that line is not a statement of its own. */
function without(text: string, failure: Failure): string | null {
  if (text.length > LARGEST_RECOVERED) return null;
  const lines = text.split("\n");
  const bad = lines[failure.line - 1] ?? "";
  const standsAlone = !/^\s*(?:\[|$)|"""|'''|[{[][^}\]]*$/.test(bad);
  if (!standsAlone || failure.atEnd) return null;
  const before = lines.slice(0, failure.line - 1).join("\n");
  if (tryParse(before).failure !== null) return null;
  lines[failure.line - 1] = "";
  return lines.join("\n");
}

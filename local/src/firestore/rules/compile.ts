/** Security rules from source text to decisions. */
import { checkRules } from "./check.ts";
import { evaluate, type Evaluation, type Frame } from "./evaluate.ts";
import { EvaluationError, RulesLimitError } from "./evaluation-error.ts";
import { importDocument, importJson } from "./import-values.ts";
import { Budget } from "./limits.ts";
import { isCollectionGroup, provenResource, queryFacts } from "./list-query.ts";
import { flatten, matchPath, segmentsOf, type FlatMatch } from "./match.ts";
import { parseRules } from "./parser.ts";
import type { Rules, RulesRequest, RulesVerdict } from "./rules.ts";
import type { Allow } from "./syntax-tree.ts";
import { map, path, timestamp, type Value } from "./values.ts";

export interface MeasuredVerdict extends RulesVerdict {
  /** Expressions evaluated; production allows 1,000 per request. */
  readonly evaluations: number;
}

export interface CompiledRules extends Rules {
  check(request: RulesRequest): MeasuredVerdict;
}

/**
 * Compiles a rules file. Throws `RulesSyntaxError` for a malformed file and for anything outside the supported
 * subset: nothing unknown survives until a request arrives. `check` never throws; what it cannot decide it denies.
 */
export function compileRules(source: string): CompiledRules {
  const tree = parseRules(source);
  const functions = checkRules(tree, source);
  const matches = flatten(tree);
  return {
    check: (request) => {
      const budget = new Budget(request.accessed ?? null);
      const verdict = decide(matches, request, (globals) => ({
        request,
        globals,
        budget,
        functions,
      }));
      return { ...verdict, evaluations: budget.evaluations };
    },
  };
}

type Begin = (globals: ReadonlyMap<string, Value>) => Evaluation;

function decide(matches: readonly FlatMatch[], request: RulesRequest, begin: Begin): RulesVerdict {
  const isList = request.method === "list";
  const segments = segmentsOf(request.name, isList);
  if (segments === null) return denied(`'${request.name}' is not the name of a document`);
  if (isList && isCollectionGroup(request.query ?? {})) {
    return denied("collection group queries are not supported by the rules engine");
  }
  try {
    return decideAt(matches, request, segments, begin(globalsOf(request, segments)));
  } catch (error) {
    if (error instanceof RulesLimitError || error instanceof EvaluationError) {
      return denied(error.message);
    }
    throw error;
  }
}

function decideAt(
  matches: readonly FlatMatch[],
  request: RulesRequest,
  segments: readonly string[],
  evaluation: Evaluation,
): RulesVerdict {
  const refusals: string[] = [];
  for (const match of matches) {
    const captures = matchPath(match.path, segments, request.method === "list");
    if (captures === null) continue;
    const frame: Frame = { evaluation, captures, locals: new Map() };
    for (const allow of match.allows.filter(({ methods }) => methods.has(request.method))) {
      const refusal = refusalOf(allow, frame);
      if (refusal === null) {
        return { allowed: true, reason: `line ${allow.at.line} allows ${request.method}` };
      }
      refusals.push(refusal);
    }
  }
  if (refusals.length > 0) return denied(refusals.join("; "));
  return denied(`no statement allows ${request.method} on /${segments.slice(3).join("/")}`);
}

/** Null when the statement allows, else why not. */
function refusalOf(allow: Allow, frame: Frame): string | null {
  if (allow.condition === null) return null;
  try {
    const value = evaluate(allow.condition, frame);
    if (value === true) return null;
    return `line ${allow.at.line}: ${value === false ? "false" : "not a bool"}`;
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return `line ${allow.at.line}: ${error.message} (line ${error.line})`;
  }
}

function denied(reason: string): RulesVerdict {
  return { allowed: false, reason };
}

/** `request` and `resource`. What a request lacks is left out, so that using it is an error. */
function globalsOf(request: RulesRequest, segments: readonly string[]): ReadonlyMap<string, Value> {
  const isList = request.method === "list";
  const fields = new Map<string, Value>([
    ["auth", authOf(request)],
    ["method", request.method],
    ["time", timestamp(request.timeMicros * 1000n)],
  ]);
  if (isList) fields.set("query", queryFacts(request.query ?? {}));
  else fields.set("path", path(segments));
  if (request.after !== null) fields.set("resource", importDocument(request.after));
  const before = request.before === null ? null : importDocument(request.before);
  return new Map([
    ["request", map(fields)],
    ["resource", isList ? provenResource(request.query ?? {}) : before],
  ]);
}

function authOf({ auth }: RulesRequest): Value {
  if (auth === null) return null;
  return map([
    ["uid", auth.uid],
    ["token", importJson(auth.token)],
  ]);
}

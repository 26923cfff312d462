/** Security rules from source text to decisions. */
import { checkRules } from "./check.ts";
import { ExpressionCompiler } from "./compile-expression.ts";
import { EvaluationError, RulesLimitError } from "./evaluation-error.ts";
import { importAuth, importDocument } from "./import-values.ts";
import { Budget } from "./limits.ts";
import { listedDocuments, queryFacts } from "./list-query.ts";
import { documentTarget, flatten, matchPath, type FlatMatch, type Target } from "./match.ts";
import type { Record, RulesObserver } from "./observer.ts";
import { parseRules } from "./parser.ts";
import type { Rules, RulesRequest, RulesVerdict } from "./rules.ts";
import type { Decision, Frame, Run } from "./run.ts";
import type { Method, PathPattern } from "./syntax-tree.ts";
import { map, path, timestamp, type RulesMap, type Value } from "./values.ts";

export interface MeasuredVerdict extends RulesVerdict {
  /** Expressions evaluated; production allows 1,000 per request. */
  readonly evaluations: number;
}

export interface CompiledRules extends Rules {
  check(request: RulesRequest): MeasuredVerdict;
}

interface Statement {
  readonly line: number;
  readonly methods: ReadonlySet<Method>;
  /** Null = always. */
  readonly condition: Run | null;
  /** Null when nobody watches. */
  readonly record: Record | null;
}

interface Block {
  readonly path: readonly PathPattern[];
  readonly statements: readonly Statement[];
}

/**
 * Compiles a rules file. Throws `RulesSyntaxError` for a malformed file and for anything outside the supported
 * subset: nothing unknown survives until a request arrives. `check` never throws; what it cannot decide it denies.
 */
export function compileRules(source: string, observer: RulesObserver | null = null): CompiledRules {
  const tree = parseRules(source);
  const compiler = new ExpressionCompiler(checkRules(tree), observer);
  const blocks = flatten(tree).map((match) => compileBlock(match, compiler, observer));
  return {
    check: (request) => {
      const budget = new Budget(request.accessed ?? null);
      const verdict = decide(blocks, request, budget);
      return { ...verdict, evaluations: budget.evaluations };
    },
  };
}

function compileBlock(
  match: FlatMatch,
  compiler: ExpressionCompiler,
  observer: RulesObserver | null,
): Block {
  const statements = match.allows.map((allow) => ({
    line: allow.at.line,
    methods: allow.methods,
    condition: allow.condition === null ? null : compiler.compile(allow.condition),
    record: observer?.statement(allow) ?? null,
  }));
  return { path: match.path, statements };
}

/** What has to be allowed: the one document of a request, or every document a list could return. */
interface Question {
  readonly target: Target;
  readonly decision: Decision;
}

function decide(blocks: readonly Block[], request: RulesRequest, budget: Budget): RulesVerdict {
  try {
    const questions = questionsOf(request, budget);
    if (typeof questions === "string") return denied(questions);
    let verdict = denied("nothing was asked");
    for (const question of questions) {
      verdict = decideOne(blocks, question);
      if (!verdict.allowed) return verdict;
    }
    return verdict;
  } catch (error) {
    if (error instanceof RulesLimitError || error instanceof EvaluationError) {
      return denied(error.message);
    }
    throw error;
  }
}

/** A text says why the request cannot be decided. */
function questionsOf(request: RulesRequest, budget: Budget): readonly Question[] | string {
  if (request.method === "list") {
    const { query } = request;
    if (query === undefined) return "a list without a query";
    const listed = listedDocuments(query);
    if (typeof listed === "string") return listed;
    const facts = requestValue(request, ["query", queryFacts(query)]);
    return listed.map(({ target, resource }) => ({
      target,
      decision: { asked: request, budget, request: facts, resource },
    }));
  }
  const target = documentTarget(request.name);
  if (target === null) return `'${request.name}' is not the name of a document`;
  const resource = request.before === null ? null : importDocument(request.before);
  const value = requestValue(request, ["path", path(target)]);
  return [{ target, decision: { asked: request, budget, request: value, resource } }];
}

/** `request`. What a request lacks is left out, so that using it is an error. */
function requestValue(request: RulesRequest, own: readonly [string, Value]): RulesMap {
  const fields: (readonly [string, Value])[] = [
    ["auth", importAuth(request.auth)],
    ["method", request.method],
    ["time", timestamp(request.timeMicros * 1000n)],
    own,
  ];
  if (request.after !== null) fields.push(["resource", importDocument(request.after)]);
  return map(fields);
}

function decideOne(blocks: readonly Block[], { target, decision }: Question): RulesVerdict {
  const { method } = decision.asked;
  const refusals: string[] = [];
  for (const block of blocks) {
    const captures = matchPath(block.path, target);
    if (captures === null) continue;
    const frame: Frame = { decision, captures, locals: [] };
    for (const statement of block.statements) {
      if (!statement.methods.has(method)) continue;
      const refusal = refusalOf(statement, frame);
      statement.record?.(refusal === null ? "true" : "false");
      if (refusal === null) {
        return { allowed: true, reason: `line ${statement.line} allows ${method}` };
      }
      refusals.push(refusal);
    }
  }
  if (refusals.length > 0) return denied(refusals.join("; "));
  return denied(`no statement allows ${method} on /${shown(target.slice(3))}`);
}

function shown(target: Target): string {
  return target.map((segment) => (typeof segment === "string" ? segment : "*")).join("/");
}

/** Null when the statement allows, else why not. */
function refusalOf({ line, condition }: Statement, frame: Frame): string | null {
  if (condition === null) return null;
  try {
    const value = condition(frame);
    if (value === true) return null;
    return `line ${line}: ${value === false ? "false" : "not a bool"}`;
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return `line ${line}: ${error.message} (line ${error.at?.line ?? line})`;
  }
}

function denied(reason: string): RulesVerdict {
  return { allowed: false, reason };
}

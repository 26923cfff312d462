/** Compiles `retry:` — a named policy, or a predicate with its own bounds. */
import type { CompileContext } from "./compile-context.ts";
import type { RetryShape } from "./definition-schema.ts";
import { RetrySchema } from "./definition-schema.ts";
import { dottedName } from "./expression-parser.ts";
import { DEFAULT_BACKOFF, RETRY_POLICIES } from "./library/retry-predicates.ts";
import type { RetryPlan } from "./program.ts";

const WRAPPED = /^\s*\$\{(.*)\}\s*$/s;

export function compileRetry(context: CompileContext, raw: unknown): RetryPlan | undefined {
  const shape = context.parse(RetrySchema, raw);
  if (shape === undefined) return undefined;
  return typeof shape === "string" ? namedPolicy(context, shape) : ownPolicy(context, shape);
}

function namedPolicy(context: CompileContext, text: string): RetryPlan | undefined {
  const name = wrappedName(context, text);
  const policy =
    name !== undefined && Object.hasOwn(RETRY_POLICIES, name) ? RETRY_POLICIES[name] : undefined;
  if (policy === undefined) {
    const allowed = Object.keys(RETRY_POLICIES).join(", ");
    context.problem(`${text} is no retry policy; there are: ${allowed}`);
    return undefined;
  }
  return {
    predicate: { kind: "function", name: policy.predicate },
    maxRetries: { kind: "constant", value: policy.maxRetries },
    backoff: DEFAULT_BACKOFF,
  };
}

function ownPolicy(context: CompileContext, shape: RetryShape): RetryPlan | undefined {
  const place = context.at("predicate");
  const name = wrappedName(place, shape.predicate);
  if (name === undefined) return undefined;
  const predicate = place.callTarget(name);
  const backoff = compileBackoff(context.at("backoff"), shape.backoff);
  if (predicate === undefined || backoff === undefined) return undefined;
  const maxRetries =
    shape.max_retries === undefined
      ? undefined
      : context.at("max_retries").template(shape.max_retries);
  return { predicate, maxRetries, backoff };
}

function compileBackoff(
  context: CompileContext,
  shape: RetryShape["backoff"],
): RetryPlan["backoff"] | undefined {
  if (shape === undefined) return DEFAULT_BACKOFF;
  if (typeof shape === "string") {
    if (wrappedName(context, shape) === "retry.default_backoff") return DEFAULT_BACKOFF;
    context.problem(`${shape} is no backoff; there is: \${retry.default_backoff}`);
    return undefined;
  }
  return {
    initialDelay: context.template(shape.initial_delay ?? DEFAULT_BACKOFF.initialDelay),
    maxDelay: context.template(shape.max_delay ?? DEFAULT_BACKOFF.maxDelay),
    multiplier: context.template(shape.multiplier ?? DEFAULT_BACKOFF.multiplier),
  };
}

function wrappedName(context: CompileContext, text: string): string | undefined {
  const inner = WRAPPED.exec(text)?.[1];
  const node = inner === undefined ? undefined : context.expression(inner);
  const name = node === undefined ? undefined : dottedName(node);
  if (name === undefined) context.problem(`expected a name in \${...}, found ${text}`);
  return name;
}

/** All functions that do not block, and the names of those that do. */
import type { Value } from "../value.ts";
import { isMap } from "../value.ts";
import { raised } from "../workflow-error.ts";
import { base64 } from "./base64.ts";
import type { LibraryContext, LibraryFunction, LibraryModule } from "./function.ts";
import { hash } from "./hash.ts";
import { helpers } from "./helpers.ts";
import { json } from "./json.ts";
import { list } from "./list.ts";
import { map } from "./map.ts";
import { math } from "./math.ts";
import { retryPredicates } from "./retry-predicates.ts";
import { sys } from "./sys.ts";
import { text } from "./text.ts";
import { time } from "./time.ts";
import { uuid } from "./uuid.ts";

const FUNCTIONS: LibraryModule = {
  ...helpers,
  ...base64,
  ...hash,
  ...json,
  ...list,
  ...map,
  ...math,
  ...retryPredicates,
  ...sys,
  ...text,
  ...time,
  ...uuid,
};

export const BLOCKING_CALLS = [
  "events.await_callback",
  "events.create_callback_endpoint",
  "http.delete",
  "http.get",
  "http.patch",
  "http.post",
  "http.put",
  "http.request",
  "sys.log",
  "sys.sleep",
  "sys.sleep_until",
] as const;

export type BlockingCall = (typeof BLOCKING_CALLS)[number];

export function isBlockingCall(name: string): name is BlockingCall {
  return (BLOCKING_CALLS as readonly string[]).includes(name);
}

export function findFunction(name: string): LibraryFunction | undefined {
  return Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
}

/** Why a name cannot be called here, for the message of a refused definition. */
export function whyNotCallable(name: string): string {
  if (name.startsWith("googleapis.")) {
    return `connector ${name} is not available: call the service's HTTP API or a function instead`;
  }
  if (name.startsWith("experimental.")) return `${name} is experimental and not available`;
  return `unknown function ${name}`;
}

/** Calls with arguments in order, as expressions do. */
export function callByPosition(
  name: string,
  args: readonly Value[],
  context: LibraryContext,
): Value {
  const found = findFunction(name);
  if (found === undefined) throw raised("TypeError", whyNotCallable(name));
  if (args.length < found.required || args.length > found.parameters.length) {
    const wanted = found.parameters.join(", ");
    throw raised("TypeError", `${name} takes (${wanted}); ${args.length} arguments were given`);
  }
  return found.run(args, context);
}

/** Calls with the `args` of a call step: a map by name, or a list in order. */
export function callByName(name: string, args: Value, context: LibraryContext): Value {
  const found = findFunction(name);
  if (found === undefined || !isMap(args)) {
    return callByPosition(name, Array.isArray(args) ? args : [], context);
  }
  const unknown = Object.keys(args).find((key) => !found.parameters.includes(key));
  if (unknown !== undefined) throw raised("TypeError", `${name} has no parameter "${unknown}"`);
  const given = found.parameters.map((parameter) => args[parameter]);
  const missing = found.parameters.find(
    (_name, at) => at < found.required && given[at] === undefined,
  );
  if (missing !== undefined) throw raised("TypeError", `${name} needs "${missing}"`);
  const last = given.findLastIndex((value) => value !== undefined);
  return found.run(
    given.slice(0, last + 1).map((value) => value ?? null),
    context,
  );
}

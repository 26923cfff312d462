/** Module `events`: callbacks. */
import { LIMITS } from "../limits.ts";
import type { Runner } from "../runner.ts";
import type { Value, ValueMap } from "../value.ts";
import { isMap } from "../value.ts";
import { raised } from "../workflow-error.ts";
import { refuseUnknownArguments } from "./function.ts";

const METHODS: ReadonlySet<string> = new Set(["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]);

export function createCallbackEndpoint(args: ValueMap, runner: Runner): Value {
  refuseUnknownArguments("events.create_callback_endpoint", args, ["http_callback_method"]);
  const method = args["http_callback_method"] ?? "POST";
  if (typeof method !== "string" || !METHODS.has(method)) {
    throw raised(
      "ValueError",
      `create_callback_endpoint: method must be ${[...METHODS].join(", ")}`,
    );
  }
  const id = runner.services.newId();
  return { url: runner.services.callbacks.create(runner.facts.name, id, method) };
}

export async function awaitCallback(args: ValueMap, runner: Runner): Promise<Value> {
  refuseUnknownArguments("events.await_callback", args, ["callback", "timeout"]);
  const callback = args["callback"] ?? null;
  const url = isMap(callback) ? callback["url"] : undefined;
  if (typeof url !== "string") {
    throw raised("TypeError", "await_callback: callback must come from create_callback_endpoint");
  }
  const timeout = args["timeout"] ?? LIMITS.callbackTimeoutSeconds;
  if (typeof timeout !== "number" || timeout < 0) {
    throw raised("ValueError", "await_callback: timeout must be a number of seconds");
  }
  return runner.services.callbacks.next(runner.facts.name, url, timeout, runner.signal);
}

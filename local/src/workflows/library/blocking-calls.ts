/** The calls that wait for something: allowed as call steps only. */
import type { Runner } from "../runner.ts";
import type { Value, ValueMap } from "../value.ts";
import { isMap } from "../value.ts";
import { raised } from "../workflow-error.ts";
import { awaitCallback, createCallbackEndpoint } from "./events.ts";
import { callHttp } from "./http.ts";
import type { BlockingCall } from "./standard-library.ts";
import { sysLog, sysSleep, sysSleepUntil } from "./sys-blocking.ts";
import { unreachable } from "../unreachable.ts";

export async function runBlockingCall(
  name: BlockingCall,
  args: Value,
  runner: Runner,
): Promise<Value> {
  if (!isMap(args)) throw raised("TypeError", `${name}: args must be a map`);
  return dispatch(name, args, runner);
}

function dispatch(name: BlockingCall, args: ValueMap, runner: Runner): Value | Promise<Value> {
  switch (name) {
    case "events.await_callback":
      return awaitCallback(args, runner);
    case "events.create_callback_endpoint":
      return createCallbackEndpoint(args, runner);
    case "sys.log":
      return sysLog(args, runner);
    case "sys.sleep":
      return sysSleep(args, runner);
    case "sys.sleep_until":
      return sysSleepUntil(args, runner);
    case "http.delete":
    case "http.get":
    case "http.patch":
    case "http.post":
    case "http.put":
    case "http.request":
      return callHttp(name, args, runner);
    default:
      return unreachable(name);
  }
}

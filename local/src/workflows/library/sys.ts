/** Module `sys`, the part that does not block; `sys.sleep` and `sys.log` are call steps. */
import { raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { libraryFunction, textArgument } from "./function.ts";

export const sys: LibraryModule = {
  /** Seconds since the epoch, with a fraction. */
  "sys.now": libraryFunction([], (_args, context) => context.now() / 1000),
  "sys.get_env": libraryFunction(["name", "default?"], (args, context) => {
    const name = textArgument(args, 0, "sys.get_env");
    const value = Object.hasOwn(context.env, name) ? context.env[name] : undefined;
    if (value !== undefined) return value;
    if (args[1] !== undefined) return args[1];
    throw raised("KeyError", `environment variable not found: ${name}`);
  }),
};

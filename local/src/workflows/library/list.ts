/** Module `list`. */
import type { LibraryModule } from "./function.ts";
import { libraryFunction, listArgument } from "./function.ts";

export const list: LibraryModule = {
  "list.concat": libraryFunction(["objs", "val"], (args) => [
    ...listArgument(args, 0, "list.concat"),
    args[1] ?? null,
  ]),
  "list.prepend": libraryFunction(["objs", "val"], (args) => [
    args[1] ?? null,
    ...listArgument(args, 0, "list.prepend"),
  ]),
};

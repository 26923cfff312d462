/** Module `math`. */
import type { LibraryModule } from "./function.ts";
import { libraryFunction, numberArgument } from "./function.ts";

export const math: LibraryModule = {
  "math.abs": libraryFunction(["x"], (args) => Math.abs(numberArgument(args, 0, "math.abs"))),
  "math.floor": libraryFunction(["x"], (args) => Math.floor(numberArgument(args, 0, "math.floor"))),
  "math.max": libraryFunction(["a", "b"], (args) =>
    Math.max(numberArgument(args, 0, "math.max"), numberArgument(args, 1, "math.max")),
  ),
  "math.min": libraryFunction(["a", "b"], (args) =>
    Math.min(numberArgument(args, 0, "math.min"), numberArgument(args, 1, "math.min")),
  ),
};

/** Module `uuid`. */
import type { LibraryModule } from "./function.ts";
import { libraryFunction } from "./function.ts";

export const uuid: LibraryModule = {
  "uuid.generate": libraryFunction([], (_args, context) => context.newId()),
};

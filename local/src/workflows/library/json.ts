/** Module `json`. */
import type { Value } from "../value.ts";
import { isMap, toJsonText, valueFromJson } from "../value.ts";
import { messageText, raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { bytesArgument, libraryFunction } from "./function.ts";

export const json: LibraryModule = {
  "json.encode": libraryFunction(["data", "indent?"], (args) =>
    new TextEncoder().encode(encode(args)),
  ),
  "json.encode_to_string": libraryFunction(["data", "indent?"], encode),
  "json.decode": libraryFunction(["data"], (args) => {
    try {
      return valueFromJson(
        JSON.parse(new TextDecoder().decode(bytesArgument(args, 0, "json.decode"))),
      );
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw raised("ValueError", `json.decode: ${messageText(error)}`);
    }
  }),
};

function encode(args: readonly Value[]): string {
  const indent = args[1] ?? null;
  const spaces = isMap(indent) && typeof indent["indent"] === "number" ? indent["indent"] : indent;
  return toJsonText(args[0] ?? null, typeof spaces === "number" ? spaces : undefined);
}

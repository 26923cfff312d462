/** Module `base64`. */
import { raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { bytesArgument, libraryFunction, textArgument } from "./function.ts";

const ALPHABET = /^[A-Za-z0-9+/]*={0,2}$/;

export const base64: LibraryModule = {
  "base64.encode": libraryFunction(["data", "padding?"], (args) => {
    const text = Buffer.from(bytesArgument(args, 0, "base64.encode")).toString("base64");
    return args[1] === false ? text.replace(/=+$/, "") : text;
  }),
  "base64.decode": libraryFunction(["data", "padding?"], (args) => {
    const text = textArgument(args, 0, "base64.decode");
    const padded = text.length % 4 === 0;
    if (!ALPHABET.test(text) || (args[1] !== false && !padded)) {
      throw raised("ValueError", "base64.decode: the text is not padded base64");
    }
    return new Uint8Array(Buffer.from(text, "base64"));
  }),
};

/** Module `text`. Patterns run on JavaScript's engine; RE2-only syntax is a `ValueError`. */
import { messageText, raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { bytesArgument, libraryFunction, numberArgument, textArgument } from "./function.ts";

export const text: LibraryModule = {
  "text.decode": libraryFunction(["data", "charset?"], (args) => {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(
        bytesArgument(args, 0, "text.decode"),
      );
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw raised("ValueError", "text.decode: the bytes are not UTF-8");
    }
  }),
  "text.encode": libraryFunction(["text", "charset?"], (args) =>
    new TextEncoder().encode(textArgument(args, 0, "text.encode")),
  ),
  "text.find_all": libraryFunction(["source", "substr"], (args) => {
    const source = textArgument(args, 0, "text.find_all");
    const wanted = escapePattern(textArgument(args, 1, "text.find_all"));
    return [...source.matchAll(new RegExp(wanted, "gu"))].map((match) => ({ index: match.index }));
  }),
  "text.find_all_regex": libraryFunction(["source", "regexp"], (args) => {
    const source = textArgument(args, 0, "text.find_all_regex");
    const pattern = compilePattern(textArgument(args, 1, "text.find_all_regex"));
    return [...source.matchAll(pattern)].map((match) => ({ index: match.index, match: match[0] }));
  }),
  "text.match_regex": libraryFunction(["source", "regexp"], (args) => {
    const source = textArgument(args, 0, "text.match_regex");
    return compilePattern(textArgument(args, 1, "text.match_regex")).test(source);
  }),
  "text.replace_all": libraryFunction(["source", "substr", "repl"], (args) => {
    const replacement = textArgument(args, 2, "text.replace_all");
    return textArgument(args, 0, "text.replace_all").replaceAll(
      textArgument(args, 1, "text.replace_all"),
      () => replacement,
    );
  }),
  "text.replace_all_regex": libraryFunction(["source", "regexp", "repl"], (args) => {
    const pattern = compilePattern(textArgument(args, 1, "text.replace_all_regex"));
    const replacement = textArgument(args, 2, "text.replace_all_regex")
      .replaceAll("$", "$$$$")
      .replaceAll(/\\(\d)/g, "$$$1");
    return textArgument(args, 0, "text.replace_all_regex").replace(pattern, replacement);
  }),
  "text.split": libraryFunction(["source", "separator"], (args) =>
    textArgument(args, 0, "text.split").split(textArgument(args, 1, "text.split")),
  ),
  "text.substring": libraryFunction(["source", "start", "end"], (args) =>
    Array.from(textArgument(args, 0, "text.substring"))
      .slice(numberArgument(args, 1, "text.substring"), numberArgument(args, 2, "text.substring"))
      .join(""),
  ),
  "text.to_lower": libraryFunction(["source"], (args) =>
    textArgument(args, 0, "text.to_lower").toLowerCase(),
  ),
  "text.to_upper": libraryFunction(["source"], (args) =>
    textArgument(args, 0, "text.to_upper").toUpperCase(),
  ),
  "text.url_encode": libraryFunction(["source"], (args) =>
    percentEncode(textArgument(args, 0, "text.url_encode")),
  ),
  "text.url_encode_plus": libraryFunction(["source"], (args) =>
    percentEncode(textArgument(args, 0, "text.url_encode_plus")).replaceAll("%20", "+"),
  ),
  "text.url_decode": libraryFunction(["source"], (args) => {
    try {
      return decodeURIComponent(textArgument(args, 0, "text.url_decode").replaceAll("+", " "));
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      throw raised("ValueError", "text.url_decode: the text is not percent-encoded");
    }
  }),
};

function compilePattern(pattern: string): RegExp {
  const ignoreCase = pattern.startsWith("(?i)");
  try {
    return new RegExp(ignoreCase ? pattern.slice(4) : pattern, ignoreCase ? "giu" : "gu");
  } catch (error) {
    throw raised("ValueError", `the pattern ${pattern} cannot be used: ${messageText(error)}`);
  }
}

function percentEncode(source: string): string {
  return encodeURIComponent(source).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function escapePattern(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

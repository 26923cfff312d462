/** Methods of strings and of bytes. */
import { stringAt, type MethodTable } from "./arguments.ts";
import { EvaluationError } from "./evaluation-error.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { PatternError } from "./pattern-syntax.ts";
import { checkTextLength } from "./value-size.ts";
import { list, type Bytes } from "./values.ts";

/** Names of the methods whose first argument is a regular expression. */
export const PATTERN_METHODS: ReadonlySet<string> = new Set(["matches", "replace", "split"]);

function withPattern<T>(source: string, use: (pattern: Pattern) => T): T {
  try {
    return use(compilePattern(source));
  } catch (error) {
    if (error instanceof PatternError) throw new EvaluationError(`pattern: ${error.message}`);
    throw error;
  }
}

/** Production drops some empty pieces at the ends; which ones is not documented, so they are errors. */
function splitText(text: string, source: string): readonly string[] {
  const pieces = withPattern(source, (pattern) => pattern.pieces(text));
  if (pieces.length > 1 && (pieces[0] === "" || pieces.at(-1) === "")) {
    throw new EvaluationError("split: the text begins or ends with the separator");
  }
  return pieces;
}

function replaceText(text: string, source: string, replacement: string): string {
  if (/[$\\]/.test(replacement)) {
    throw new EvaluationError("replace: '$' and '\\' in the replacement are not supported");
  }
  const pieces = withPattern(source, (pattern) => pattern.pieces(text));
  checkTextLength(text.length + pieces.length * replacement.length);
  return pieces.join(replacement);
}

export const STRING_METHODS: MethodTable<string> = {
  size: { arity: 0, run: (text) => BigInt(text.length) },
  lower: { arity: 0, run: (text) => text.toLowerCase() },
  upper: { arity: 0, run: (text) => text.toUpperCase() },
  trim: { arity: 0, run: (text) => text.trim() },
  toUtf8: { arity: 0, run: (text) => ({ kind: "bytes", bytes: Buffer.from(text) }) },
  matches: {
    arity: 1,
    run: (text, args) => withPattern(stringAt(args, 0), (pattern) => pattern.coversWhole(text)),
  },
  split: { arity: 1, run: (text, args) => list(splitText(text, stringAt(args, 0))) },
  replace: {
    arity: 2,
    run: (text, args) => replaceText(text, stringAt(args, 0), stringAt(args, 1)),
  },
};

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

export const BYTES_METHODS: MethodTable<Bytes> = {
  size: { arity: 0, run: ({ bytes }) => BigInt(bytes.length) },
  toHexString: { arity: 0, run: ({ bytes }) => Buffer.from(bytes).toString("hex").toUpperCase() },
  /** The alphabet for URLs, with padding as RFC 4648 asks for. */
  toBase64: { arity: 0, run: ({ bytes }) => base64Url(bytes) },
};

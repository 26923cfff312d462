/** Bytes of a repository's file to text: size cap, strict UTF-8, no byte order mark. */
import type { Diagnostic } from "./diagnostic.ts";

/** Largest deploy.toml that is read, in bytes. */
export const MAX_CONFIG_BYTES = 64 * 1024;

type Source = { readonly text: string } | { readonly problem: Diagnostic };

export function readSource(source: string | Uint8Array): Source {
  const size = typeof source === "string" ? utf8Length(source) : source.byteLength;
  if (size > MAX_CONFIG_BYTES) {
    const message = `deploy.toml has ${size} bytes; at most ${MAX_CONFIG_BYTES} (64 KiB) are read.`;
    return { problem: atStart("file-too-large", message) };
  }
  if (typeof source === "string") return { text: source.replace(/^\uFEFF/u, "") };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(source) };
  } catch {
    return { problem: notUtf8(source) };
  }
}

/** A string longer than the cap cannot have fewer bytes, so it need not be encoded. */
function utf8Length(text: string): number {
  return text.length > MAX_CONFIG_BYTES ? text.length : new TextEncoder().encode(text).byteLength;
}

function atStart(code: "file-too-large" | "not-utf8", message: string): Diagnostic {
  return { code, path: "", line: 1, column: 1, length: 1, message };
}

/** Points at the first character that is not text. */
function notUtf8(bytes: Uint8Array): Diagnostic {
  const prefix = bytes.subarray(0, validPrefix(bytes));
  // Streaming leaves out a character that is cut off at the end of the prefix.
  const before = new TextDecoder("utf-8").decode(prefix, { stream: true });
  const lines = before.split("\n");
  const message = "The file is not valid UTF-8 at this place; save it as UTF-8.";
  const column = (lines.at(-1) ?? "").length + 1;
  return { ...atStart("not-utf8", message), line: lines.length, column };
}

/** How many leading bytes decode; found by halving, since any longer prefix fails as well. */
function validPrefix(bytes: Uint8Array): number {
  let [low, high] = [0, bytes.byteLength];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (decodes(bytes.subarray(0, middle))) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Streaming mode accepts a character cut off at the end, so a valid prefix never fails. */
function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

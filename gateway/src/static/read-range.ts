/** A Range header against the size of what it is a part of (RFC 9110, 14.2). */
import type { ByteRange } from "@bifrost/shared/ports/object-store";

export type RangeVerdict =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly range: ByteRange }
  /** Nothing of it lies within the content: 416. */
  | { readonly kind: "outside" };

const WHOLE = { kind: "whole" } as const;
const ONE_RANGE = /^bytes=\s*(?<first>\d{0,15})-(?<last>\d{0,15})\s*$/i;

/** What is malformed, of another unit or asks for several parts is ignored: the whole content is always a right answer. */
export function readRange(header: string | undefined, size: number): RangeVerdict {
  const found = ONE_RANGE.exec(header ?? "")?.groups;
  if (found === undefined) return WHOLE;
  const { first = "", last = "" } = found;
  if (first === "") return last === "" ? WHOLE : suffix(Number(last), size);
  return from(Number(first), last === "" ? Infinity : Number(last), size);
}

function from(start: number, last: number, size: number): RangeVerdict {
  if (last < start) return WHOLE;
  if (start >= size) return { kind: "outside" };
  return { kind: "part", range: { start, end: Math.min(last, size - 1) } };
}

/** The last `length` bytes. */
function suffix(length: number, size: number): RangeVerdict {
  if (length === 0 || size === 0) return { kind: "outside" };
  return { kind: "part", range: { start: Math.max(0, size - length), end: size - 1 } };
}

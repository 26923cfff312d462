/** Which request belongs to which trace: the `traceparent` field of W3C Trace Context. */

/** Version, trace id, parent id and flags; version ff and ids of zeros are invalid, later versions may say more. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?$/;

/** Requests for which ids are drawn at once: one call for random bytes per request would show. */
const BATCH = 128;
const TRACE_DIGITS = 32;
const PARENT_DIGITS = 16;

export function isTraceparent(text: string): boolean {
  const match = TRACEPARENT.exec(text);
  return match !== null && (match[1] !== "00" || match[2] === undefined);
}

/** The trace id of a valid traceparent. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 3 + TRACE_DIGITS);
}

/** Makes traceparents for requests that come without one; their flag says that nobody recorded them so far. */
export function traceparents(randomBytes: (size: number) => Buffer): () => string {
  const digits = TRACE_DIGITS + PARENT_DIGITS;
  let random = "";
  let at = 0;
  return () => {
    if (at >= random.length) {
      random = randomBytes((digits / 2) * BATCH).toString("hex");
      at = 0;
    }
    const traceId = random.slice(at, at + TRACE_DIGITS);
    const parentId = random.slice(at + TRACE_DIGITS, at + digits);
    at += digits;
    return `00-${traceId}-${parentId}-00`;
  };
}

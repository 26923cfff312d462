/** Firestore's times: microseconds since the epoch inside, RFC 3339 UTC with six digits outside. */
import { invalid } from "../rpc-error.ts";

const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Nanoseconds are cut to microseconds, as the service does. */
export function parseTimestamp(text: string): bigint {
  const match = RFC3339.exec(text);
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (match === null || Number.isNaN(seconds)) {
    throw invalid(`Invalid timestamp "${text.slice(0, 64)}": RFC 3339 is expected.`);
  }
  return BigInt(seconds) * 1000n + BigInt((match[2] ?? "").padEnd(6, "0").slice(0, 6));
}

export function formatTimestamp(micros: bigint): string {
  let fraction = micros % 1_000_000n;
  if (fraction < 0n) fraction += 1_000_000n;
  const wholeMs = Number((micros - fraction) / 1000n);
  return `${new Date(wholeMs).toISOString().slice(0, 19)}.${String(fraction).padStart(6, "0")}Z`;
}

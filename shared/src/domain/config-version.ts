/**
 * Versions of configuration as a hybrid logical clock: 48 bits of milliseconds and 16 of a counter, so that a later change
 * always has a later version, whatever the clocks of the machines say, and a version still tells about when it was made.
 */

declare const version: unique symbol;

/** 16 hexadecimal digits: as texts they sort as the times do. */
export type ConfigVersion = string & { readonly [version]: true };

const DIGITS = 16;
const COUNTERS = 2n ** 16n;
const MOST_MS = 2 ** 48 - 1;

/** Before every change. */
export const NO_VERSION = "0".repeat(DIGITS) as ConfigVersion;

export function configVersion(ms: number, counter = 0): ConfigVersion {
  const time = BigInt(Math.min(Math.max(Math.floor(ms), 0), MOST_MS));
  return fromBits(time * COUNTERS + (BigInt(counter) % COUNTERS));
}

/** Undefined = none. */
export function parseConfigVersion(text: unknown): ConfigVersion | undefined {
  return typeof text === "string" && /^[0-9a-f]{16}$/.test(text)
    ? (text as ConfigVersion)
    : undefined;
}

/** As an integer of 64 bits, which is how a database keeps it. */
export function bitsOf(one: ConfigVersion): bigint {
  return BigInt(`0x${one}`);
}

export function fromBits(bits: bigint): ConfigVersion {
  return bits.toString(16).padStart(DIGITS, "0") as ConfigVersion;
}

/** When it was made, in milliseconds, by the clock that made it. */
export function timeOf(one: ConfigVersion): number {
  return Number(bitsOf(one) / COUNTERS);
}

/** Of a change made at `nowMs` by somebody who has seen `last`. */
export function versionAfter(last: ConfigVersion, nowMs: number): ConfigVersion {
  const now = configVersion(nowMs);
  return now > last ? now : fromBits(bitsOf(last) + 1n);
}

export function laterOf(one: ConfigVersion, other: ConfigVersion): ConfigVersion {
  return one > other ? one : other;
}

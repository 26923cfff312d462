/** Methods of timestamps, durations and points, all in UTC. */
import { latLngAt, type MethodTable } from "./arguments.ts";
import { duration, timestamp, type Duration, type LatLng, type Timestamp } from "./values.ts";

export const NANOS = {
  ns: 1n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
} as const;

/** Like `/` and `%` on ints, but rounding down for times before the epoch too. */
function floorDivide(value: bigint, by: bigint): bigint {
  return value / by - (value % by < 0n ? 1n : 0n);
}

function withinDay({ nanos }: Timestamp): bigint {
  return nanos - floorDivide(nanos, NANOS.d) * NANOS.d;
}

function dateOf({ nanos }: Timestamp): Date {
  return new Date(Number(floorDivide(nanos, NANOS.ms)));
}

function dayOfYear(at: Timestamp): bigint {
  const firstDay = BigInt(Date.UTC(dateOf(at).getUTCFullYear(), 0, 1)) * NANOS.ms;
  return floorDivide(at.nanos - firstDay, NANOS.d) + 1n;
}

export const TIMESTAMP_METHODS: MethodTable<Timestamp> = {
  date: { arity: 0, run: (at) => timestamp(at.nanos - withinDay(at)) },
  time: { arity: 0, run: (at) => duration(withinDay(at)) },
  year: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCFullYear()) },
  month: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCMonth() + 1) },
  day: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCDate()) },
  /** Monday is 1, Sunday 7. */
  dayOfWeek: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCDay() || 7) },
  dayOfYear: { arity: 0, run: dayOfYear },
  hours: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCHours()) },
  minutes: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCMinutes()) },
  seconds: { arity: 0, run: (at) => BigInt(dateOf(at).getUTCSeconds()) },
  nanos: { arity: 0, run: (at) => withinDay(at) % NANOS.s },
  toMillis: { arity: 0, run: (at) => floorDivide(at.nanos, NANOS.ms) },
};

export const DURATION_METHODS: MethodTable<Duration> = {
  seconds: { arity: 0, run: ({ nanos }) => nanos / NANOS.s },
  nanos: { arity: 0, run: ({ nanos }) => nanos % NANOS.s },
};

/** The Earth's mean radius in metres. Which one production takes is not documented: they differ by 0.3 %. */
const EARTH_RADIUS = 6_371_010;

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

/** Along the great circle, by the haversine formula. */
function distance(a: LatLng, b: LatLng): number {
  const latitudes = Math.sin(radians(b.latitude - a.latitude) / 2) ** 2;
  const longitudes = Math.sin(radians(b.longitude - a.longitude) / 2) ** 2;
  const cosines = Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude));
  return 2 * EARTH_RADIUS * Math.asin(Math.min(1, Math.sqrt(latitudes + cosines * longitudes)));
}

export const LATLNG_METHODS: MethodTable<LatLng> = {
  latitude: { arity: 0, run: ({ latitude }) => latitude },
  longitude: { arity: 0, run: ({ longitude }) => longitude },
  distance: { arity: 1, run: (from, args) => distance(from, latLngAt(args, 0)) },
};

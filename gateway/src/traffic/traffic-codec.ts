/** Reports of traffic as bytes: JSON, because it is read once and checked by a schema, and deflated, because it repeats itself. */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import * as v from "valibot";
import { FIRST_BIN, LAST_BIN, type LatencyBins } from "./latency.ts";
import { MAX_ROUTES, type RouteTally } from "./route-tally.ts";
import type { SlotReport } from "./traffic-book.ts";

const VERSION = 1;
/** What a message may be inflated to. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;
const MAX_REPORTS = 2048;

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const textSchema = v.pipe(v.string(), v.maxLength(256));
/** Bins and their counts in turns. */
const binsSchema = v.pipe(
  v.array(v.pipe(v.number(), v.safeInteger())),
  v.maxLength(2 * (LAST_BIN - FIRST_BIN + 1)),
  v.check((flat) => flat.length % 2 === 0),
);
const routeSchema = v.tuple([textSchema, countSchema, countSchema, binsSchema]);
const reportSchema = v.tuple([
  textSchema,
  countSchema,
  countSchema,
  v.pipe(v.number(), v.minValue(0)),
  v.pipe(v.array(routeSchema), v.maxLength(MAX_ROUTES)),
]);
const messageSchema = v.pipe(v.array(reportSchema), v.maxLength(MAX_REPORTS));

export function encodeReports(reports: readonly SlotReport[]): Uint8Array {
  const message = reports.map(({ node, epoch, slot, ageMs, routes }) => [
    node,
    epoch,
    slot,
    Math.round(ageMs),
    routes.map(({ route, requests, errors, latency }) => [
      route,
      requests,
      errors,
      pairsOf(latency),
    ]),
  ]);
  return Buffer.concat([Buffer.of(VERSION), deflateRawSync(JSON.stringify(message))]);
}

/** null for what is no message of this version. */
export function decodeReports(body: Uint8Array): readonly SlotReport[] | null {
  if (body[0] !== VERSION) return null;
  const parsed = v.safeParse(messageSchema, parse(body.subarray(1)));
  if (!parsed.success) return null;
  return parsed.output.map(([node, epoch, slot, ageMs, routes]) => ({
    node,
    epoch,
    slot,
    ageMs,
    routes: routes.map(([route, requests, errors, bins]): RouteTally => ({
      route,
      requests,
      errors,
      latency: binsOf(bins),
    })),
  }));
}

function parse(deflated: Uint8Array): unknown {
  try {
    const text = inflateRawSync(deflated, { maxOutputLength: MAX_TEXT_BYTES });
    return JSON.parse(text.toString("utf8"));
  } catch {
    return null;
  }
}

/** The distance of each bin from the one before it, which is small, and its count. */
function pairsOf(bins: LatencyBins): readonly number[] {
  let former = 0;
  return [...bins]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([bin, count]) => {
      const distance = bin - former;
      former = bin;
      return [distance, count];
    });
}

/** Bins that no duration falls into are left out. */
function binsOf(pairs: readonly number[]): LatencyBins {
  const bins = new Map<number, number>();
  let bin = 0;
  for (let at = 0; at < pairs.length; at += 2) {
    bin += pairs[at] ?? 0;
    const count = pairs[at + 1] ?? 0;
    if (bin >= FIRST_BIN && bin <= LAST_BIN && count > 0) bins.set(bin, count);
  }
  return bins;
}

/** Reads a sidecar's report: NDJSON, one sample a line. What a line says is the collector's to judge. */
import { jsonOrNull } from "@bifrost/shared/domain/json-or-null";
import { BifrostError } from "@bifrost/shared/domain/errors";

/** Most lines one report may hold; a sidecar's queue holds fewer than 64. */
const MAX_LINES = 512;

/** A line that is not JSON is `undefined`. */
export function parseReport(text: string): readonly unknown[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > MAX_LINES) {
    throw new BifrostError(
      "bad-request",
      `The report has ${lines.length} lines; at most ${MAX_LINES} are read at once.`,
    );
  }
  return lines.map(jsonOrNull);
}

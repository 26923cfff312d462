/** Reads a sidecar's report: NDJSON, at most one broken line away from being refused as a whole. */
import * as v from "valibot";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { TelemetryLineSchema, type TelemetryLine } from "@bifrost/shared/domain/telemetry";

/** Most lines one report may hold; a sidecar's queue holds fewer than 64. */
const MAX_LINES = 512;

/** Throws `bad-request` that names the line when one is not valid, or speaks for another deployment. */
export function parseReport(text: string, deploymentId: string): readonly TelemetryLine[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > MAX_LINES) {
    throw new BifrostError(
      "bad-request",
      `The report has ${lines.length} lines; at most ${MAX_LINES} are read at once.`,
    );
  }
  return lines.map((line, index) => parseLine(line, index + 1, deploymentId));
}

function parseLine(line: string, number: number, deploymentId: string): TelemetryLine {
  const parsed = v.safeParse(TelemetryLineSchema, jsonOf(line));
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const path = v.getDotPath(issue) ?? "the line";
    throw new BifrostError(
      "bad-request",
      `Line ${number} is not a sample: ${path}: ${issue.message}`,
    );
  }
  if (parsed.output.deployment !== deploymentId) {
    throw new BifrostError(
      "bad-request",
      `Line ${number} speaks for deployment ${parsed.output.deployment}, the address for ${deploymentId}.`,
    );
  }
  return parsed.output;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

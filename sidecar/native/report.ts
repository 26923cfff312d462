/** What a build weighs, as a table and as the reasons for which it fails. */
import { MEASURED_PROBES, MOST_RESIDENT_KB, RECIPES, type Variant } from "./variant.ts";
import type { Machine } from "./machine.ts";

export interface Built {
  readonly variant: Variant;
  readonly machine: Machine;
  readonly bytes: number;
  readonly sha256: string;
  /** Null = it does not run on this machine. */
  readonly residentKb: number | null;
}

/** One sentence for each limit that is exceeded. */
export function excesses(builds: readonly Built[]): readonly string[] {
  return builds.flatMap(({ variant, machine, bytes, residentKb }) => {
    const { mostBytes } = RECIPES[variant];
    const found: string[] = [];
    if (bytes > mostBytes) {
      found.push(`${variant} for ${machine} has ${bytes} bytes, and ${mostBytes} are allowed`);
    }
    if (residentKb !== null && residentKb > MOST_RESIDENT_KB) {
      found.push(
        `${variant} for ${machine} holds ${residentKb} kB after ${MEASURED_PROBES} probes, and ${MOST_RESIDENT_KB} are allowed`,
      );
    }
    return found;
  });
}

const HEAD = ["variant", "machine", "bytes", "limit", "resident kB", "limit", "sha256"];

export function table(builds: readonly Built[]): string {
  const rows = [
    HEAD,
    ...builds.map(({ variant, machine, bytes, residentKb, sha256 }) => [
      variant,
      machine,
      String(bytes),
      String(RECIPES[variant].mostBytes),
      residentKb === null ? "not run" : String(residentKb),
      String(MOST_RESIDENT_KB),
      sha256,
    ]),
  ];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

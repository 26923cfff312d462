/** What the rounds of a benchmark gave, by metric, and rows made of it. */
import type { Row } from "../bench.ts";
import type { Detection } from "./scenario.ts";

export class Samples {
  private readonly values = new Map<string, number[]>();

  add(metric: string, value: number): void {
    this.values.set(metric, [...(this.values.get(metric) ?? []), value]);
  }

  of(metric: string): readonly number[] {
    return this.values.get(metric) ?? [];
  }
}

export function addDetection(
  samples: Samples,
  who: string,
  { lastMs, suspectedMs }: Detection,
): void {
  samples.add(`${who} last`, lastMs);
  samples.add(`${who} suspected`, suspectedMs);
}

export function inMs(metric: string, value: number): Row {
  return { metric, value: Math.round(value), unit: "ms" };
}

export function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

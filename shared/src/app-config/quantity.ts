/** Kubernetes quantities and durations as written in deploy.toml: the text is kept, the number is what code uses. */
import { parseDurationMs } from "../domain/time.ts";

declare const checked: unique symbol;

/** A value only the deploy.toml parser hands out: holding one is proof that it was checked. */
export type Checked<T, Name extends string> = T & { readonly [checked]: Name };

/** CPU as Kubernetes writes it (`250m`, `0.5`, `2`); 1000 millis are one core. */
export type CpuQuantity = Checked<{ readonly text: string; readonly millis: number }, "cpu">;

/** Memory as Kubernetes writes it (`128Mi`, `1Gi`, `500M`). */
export type MemoryQuantity = Checked<{ readonly text: string; readonly bytes: number }, "memory">;

/** A span of time as deploy.toml writes it (`30s`, `500ms`, `5m`). */
export type Duration = Checked<{ readonly text: string; readonly ms: number }, "duration">;

const CPU = /^(?:(\d{1,6})m|(\d{1,3}(?:\.\d{1,3})?))$/;

/** Thousandths of a core; undefined when `text` is not a CPU quantity. */
export function cpuMillis(text: string): number | undefined {
  const match = CPU.exec(text);
  if (match === null) return undefined;
  return match[1] === undefined ? Math.round(Number(match[2]) * 1000) : Number(match[1]);
}

const MEMORY = /^(\d{1,12})(Ki|Mi|Gi|k|M|G)?$/;
const MEMORY_UNIT_BYTES = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  k: 1e3,
  M: 1e6,
  G: 1e9,
} as const;

/** Bytes; undefined when `text` is not a memory quantity of at most gigabytes. */
export function memoryBytes(text: string): number | undefined {
  const match = MEMORY.exec(text);
  if (match === null) return undefined;
  const unit = match[2] as keyof typeof MEMORY_UNIT_BYTES | undefined;
  return Number(match[1]) * (unit === undefined ? 1 : MEMORY_UNIT_BYTES[unit]);
}

export function cpuQuantity(text: string): CpuQuantity | undefined {
  const millis = cpuMillis(text);
  return millis === undefined ? undefined : (Object.freeze({ text, millis }) as CpuQuantity);
}

export function memoryQuantity(text: string): MemoryQuantity | undefined {
  const bytes = memoryBytes(text);
  return bytes === undefined ? undefined : (Object.freeze({ text, bytes }) as MemoryQuantity);
}

export function duration(text: string): Duration | undefined {
  const ms = parseDurationMs(text);
  return ms === undefined ? undefined : (Object.freeze({ text, ms }) as Duration);
}

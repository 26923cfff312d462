/** The kinds of value a deploy.toml field can have: how to check one, describe it and suggest a better one. */
import * as v from "valibot";
import type { Checked, CpuQuantity, Duration, MemoryQuantity } from "./quantity.ts";
import { cpuQuantity, duration, memoryQuantity } from "./quantity.ts";

/** A DNS label of at most 40 characters: it becomes part of a host name and of Kubernetes names. */
export type DnsLabel = Checked<string, "dns-label">;

/** A path inside the repository: relative, without `..`. */
export type RelativePath = Checked<string, "relative-path">;

/** A path of a URL, with its leading slash. */
export type HttpPath = Checked<string, "http-path">;

export type PortNumber = Checked<number, "port">;

export interface ValueKind<T> {
  /** Checks a TOML value and hands out the typed one. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** What is allowed, to follow "must be" in a message. */
  readonly expects: string;
  /** The same as a JSON Schema fragment, for editors. */
  readonly jsonSchema: Readonly<Record<string, unknown>>;
  /** A likely correction of a value that was refused, as TOML. */
  readonly suggest?: (found: unknown) => string | undefined;
}

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/u; // oxlint-disable-line no-control-regex -- it looks for them
const DNS_LABEL = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const HTTP_PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/;
const MILLI_MEMORY = /^(\d+) ?(?:m|mi|mb|mib)$/i;
const GIGA_MEMORY = /^(\d+) ?(?:g|gi|gb|gib)$/i;

export function boolean(): ValueKind<boolean> {
  return {
    schema: v.boolean(),
    expects: "true or false",
    jsonSchema: { type: "boolean" },
    suggest: (found) => (found === "true" || found === "false" ? found : undefined),
  };
}

export function integer(min: number, max: number): ValueKind<number> {
  return {
    schema: v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)),
    expects: `a whole number from ${min} to ${max}`,
    jsonSchema: { type: "integer", minimum: min, maximum: max },
    suggest: (found) =>
      typeof found === "string" && /^\d{1,9}$/.test(found) ? String(Number(found)) : undefined,
  };
}

export function port(): ValueKind<PortNumber> {
  const whole = integer(1, 65_535);
  return {
    ...whole,
    schema: v.pipe(
      whole.schema,
      v.transform((value) => value as PortNumber),
    ),
  };
}

export function oneOf<const T extends string>(words: readonly T[]): ValueKind<T> {
  return {
    schema: v.picklist(words),
    expects: `one of ${words.map((word) => `"${word}"`).join(", ")}`,
    jsonSchema: { type: "string", enum: words },
  };
}

export function dnsLabel(): ValueKind<DnsLabel> {
  return {
    schema: v.pipe(
      v.string(),
      v.regex(DNS_LABEL),
      v.transform((value) => value as DnsLabel),
    ),
    expects:
      "1 to 40 lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen",
    jsonSchema: { type: "string", pattern: DNS_LABEL.source },
    suggest: suggestLabel,
  };
}

function suggestLabel(found: unknown): string | undefined {
  if (typeof found !== "string" || found.length > 200) return undefined;
  const label = found
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return label === "" ? undefined : `"${label}"`;
}

export function command(): ValueKind<string> {
  return {
    schema: v.pipe(
      v.string(),
      v.maxLength(4096),
      v.check((value) => value.trim() !== "" && !CONTROL.test(value)),
    ),
    expects: "a command of 1 to 4096 characters",
    jsonSchema: { type: "string", minLength: 1, maxLength: 4096 },
  };
}

export function relativePath(): ValueKind<RelativePath> {
  return {
    schema: v.pipe(
      v.string(),
      v.maxLength(255),
      v.check(isRelativePath),
      v.transform((value) => value as RelativePath),
    ),
    expects: 'a path inside the repository, relative and without ".."',
    jsonSchema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[^/\\\\]" },
    suggest: (found) => {
      const relative = typeof found === "string" ? found.replace(/^[/\\]+/, "") : "";
      return isRelativePath(relative) ? JSON.stringify(relative) : undefined;
    },
  };
}

function isRelativePath(path: string): boolean {
  if (path === "" || path.startsWith("/") || /[\\\n\r\t]/.test(path)) return false;
  return !CONTROL.test(path) && !path.split("/").includes("..");
}

export function httpPath(): ValueKind<HttpPath> {
  return {
    schema: v.pipe(
      v.string(),
      v.maxLength(255),
      v.regex(HTTP_PATH),
      v.transform((value) => value as HttpPath),
    ),
    expects: 'a URL path such as "/healthz", starting with "/" and without spaces',
    jsonSchema: { type: "string", maxLength: 255, pattern: HTTP_PATH.source },
    suggest: (found) =>
      typeof found === "string" && HTTP_PATH.test(`/${found}`) ? `"/${found}"` : undefined,
  };
}

function isWithin(ms: number, low: number, high: number): boolean {
  return ms >= low && ms <= high;
}

export function span(min: string, max: string): ValueKind<Duration> {
  const [low, high] = [duration(min)?.ms ?? 0, duration(max)?.ms ?? 0];
  const examples = ["500ms", "30s", "5m"]
    .filter((text) => isWithin(duration(text)?.ms ?? 0, low, high))
    .map((text) => `"${text}"`);
  return {
    schema: v.pipe(
      v.string(),
      v.check((text) => duration(text) !== undefined),
      v.transform((text) => duration(text) as Duration),
      v.check(({ ms }) => isWithin(ms, low, high), OUT_OF_RANGE),
    ),
    expects: `a time from "${min}" to "${max}", such as ${new Intl.ListFormat("en", { type: "disjunction" }).format(examples)}`,
    jsonSchema: { type: "string", pattern: "^\\d{1,9}(ms|s|m|h)$" },
    suggest: (found) => {
      const text = String(found).trim();
      return /^\d{1,6}$/.test(text) ? `"${text}s"` : undefined;
    },
  };
}

export function cpu(min: string, max: string): ValueKind<CpuQuantity> {
  const [low, high] = [cpuQuantity(min)?.millis ?? 0, cpuQuantity(max)?.millis ?? 0];
  return {
    schema: v.pipe(
      v.string(),
      v.check((text) => cpuQuantity(text) !== undefined),
      v.transform((text) => cpuQuantity(text) as CpuQuantity),
      v.check(({ millis }) => millis >= low && millis <= high, OUT_OF_RANGE),
    ),
    expects: `a CPU quantity from "${min}" to "${max}", such as "250m" (a quarter of a core) or "1.5"`,
    jsonSchema: { type: "string", pattern: "^(\\d{1,6}m|\\d{1,3}(\\.\\d{1,3})?)$" },
    suggest: (found) => {
      if (typeof found !== "number" || !Number.isFinite(found)) return undefined;
      const millis = Math.round(found * 1000);
      return millis >= low && millis <= high ? `"${millis}m"` : undefined;
    },
  };
}

export function memory(min: string, max: string): ValueKind<MemoryQuantity> {
  const [low, high] = [memoryQuantity(min)?.bytes ?? 0, memoryQuantity(max)?.bytes ?? 0];
  return {
    schema: v.pipe(
      v.string(),
      v.check((text) => memoryQuantity(text) !== undefined),
      v.transform((text) => memoryQuantity(text) as MemoryQuantity),
      v.check(({ bytes }) => bytes >= low && bytes <= high, OUT_OF_RANGE),
    ),
    expects: `a memory quantity from "${min}" to "${max}", such as "128Mi" or "1Gi"`,
    jsonSchema: { type: "string", pattern: "^\\d{1,12}(Ki|Mi|Gi|k|M|G)?$" },
    suggest: (found) => {
      const text = String(found).trim();
      const mebi = /^(\d{1,6})$/.exec(text) ?? MILLI_MEMORY.exec(text);
      if (mebi !== null) return `"${mebi[1]}Mi"`;
      const gibi = GIGA_MEMORY.exec(text);
      return gibi === null ? undefined : `"${gibi[1]}Gi"`;
    },
  };
}

/** Message of a check that refuses a well-written value for its size; the reader maps it to a code. */
export const OUT_OF_RANGE = "out-of-range";

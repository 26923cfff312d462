/** The snapshot of an app config: the same for the same meaning, and read back through the same checks. */
import { createHash } from "node:crypto";
import { BifrostError } from "../domain/errors.ts";
import type { AppConfig } from "./app-config.ts";
import { checkAcrossFields } from "./cross-field.ts";
import { checkFile } from "./parse.ts";
import { asTable } from "./read-fields.ts";
import { startReport } from "./report.ts";
import { stableJson } from "./stable-json.ts";

/** Sorted JSON in the shape of deploy.toml with every default written out. */
export function canonicalConfig(config: AppConfig): string {
  const { app, scaling, health, resources } = config;
  return stableJson({
    app: { ...app, runtime: config.runtime },
    ...ofRuntime(config),
    scaling: {
      min_replicas: scaling.minReplicas,
      max_replicas: scaling.maxReplicas,
      cpu_target: scaling.cpuTarget,
    },
    health: {
      path: health.path,
      interval: health.interval.text,
      timeout: health.timeout.text,
      success_threshold: health.successThreshold,
      failure_threshold: health.failureThreshold,
      watch: health.watch.text,
      rollback: health.rollback,
    },
    resources: { cpu: resources.cpu.text, memory: resources.memory.text },
    env: config.env,
  });
}

/** SHA-256, in hex, of the canonical text: equal configs have equal hashes however they were written. */
export function configHash(config: AppConfig): string {
  return createHash("sha256").update(canonicalConfig(config), "utf8").digest("hex");
}

function ofRuntime(config: AppConfig): object {
  if (config.runtime === "static") {
    return { build: withoutNull(config.build), static: config.static };
  }
  if (config.runtime === "docker") {
    const { command } = config.run;
    return command === null ? { build: config.build } : { build: config.build, run: { command } };
  }
  return { build: withoutNull(config.build), run: config.run };
}

function withoutNull(table: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== null));
}

/** Reads a snapshot back; throws `data-corrupt` when it is not what `canonicalConfig` writes. */
export function parseCanonicalConfig(text: string): AppConfig {
  const file = asTable(jsonOf(text));
  if (file === undefined) throw corrupt("it is not a JSON object");
  const start = { line: 1, column: 1, length: 1 };
  const report = startReport({ key: () => start, value: () => start }, []);
  const result = checkFile(file, report, [checkAcrossFields]);
  if (result.ok) return result.config;
  throw corrupt(result.diagnostics[0]?.message ?? "it has errors");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt("it is not JSON", error);
  }
}

function corrupt(why: string, cause?: unknown): BifrostError {
  const message = `The stored app config cannot be read: ${why}. Deploy the commit again.`;
  return new BifrostError("data-corrupt", message, {}, { cause });
}

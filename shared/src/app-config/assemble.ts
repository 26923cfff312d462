/** Checked values plus defaults make an app config. */
import * as v from "valibot";
import type { AppConfig, FieldValues } from "./app-config.ts";
import { fallbackOf, FIELDS } from "./fields.ts";
import type { Duration } from "./quantity.ts";
import { RUNTIMES } from "./runtimes.ts";
import type { DnsLabel } from "./value-kinds.ts";

/** `values` must have passed every check; a default is read by the same schema as a written value. */
export function assemble(values: FieldValues): AppConfig {
  const { app, build, run } = values;
  const rest = {
    app: {
      // A config without a name has been refused before.
      name: app.name as DnsLabel,
      port: app.port ?? fallbackOf(FIELDS.app.port),
      root: app.root ?? fallbackOf(FIELDS.app.root),
    },
    ...limits(values),
    env: values.env,
  };
  const runtime = app.runtime ?? "docker";
  if (runtime === "docker") {
    const dockerfile = build.dockerfile ?? fallbackOf(FIELDS.build.dockerfile);
    return { runtime, ...rest, build: { dockerfile }, run: { command: run.command ?? null } };
  }
  const built = {
    command: build.command ?? RUNTIMES[runtime].build,
    output: build.output ?? fallbackOf(FIELDS.build.output),
  };
  if (runtime === "static") return { runtime, ...rest, build: built, static: served(values) };
  const command = run.command ?? RUNTIMES[runtime].run;
  return { runtime, ...rest, build: built, run: { command } };
}

function limits(values: FieldValues) {
  const { scaling, resources } = values;
  const minReplicas = scaling.min_replicas ?? fallbackOf(FIELDS.scaling.min_replicas);
  return {
    scaling: {
      minReplicas,
      maxReplicas:
        scaling.max_replicas ?? Math.max(minReplicas, fallbackOf(FIELDS.scaling.max_replicas)),
      cpuTarget: scaling.cpu_target ?? fallbackOf(FIELDS.scaling.cpu_target),
    },
    health: healthOf(values),
    resources: {
      cpu: resources.cpu ?? fallbackOf(FIELDS.resources.cpu),
      memory: resources.memory ?? fallbackOf(FIELDS.resources.memory),
    },
  };
}

function healthOf({ app, health }: FieldValues) {
  const fields = FIELDS.health;
  const interval = health.interval ?? fallbackOf(fields.interval);
  const usualTimeout = fallbackOf(fields.timeout);
  const root = app.runtime === "static" ? "/" : "/healthz";
  return {
    path: health.path ?? v.parse(fields.path.kind.schema, root),
    interval,
    timeout: health.timeout ?? (usualTimeout.ms <= interval.ms ? usualTimeout : interval),
    successThreshold: health.success_threshold ?? fallbackOf(fields.success_threshold),
    failureThreshold: health.failure_threshold ?? fallbackOf(fields.failure_threshold),
    watch: health.watch ?? usualWatch(interval),
    rollback: health.rollback ?? fallbackOf(fields.rollback),
  };
}

/** Long enough for two probes: the first may have been just before the window. */
function usualWatch(interval: Duration): Duration {
  const usual = fallbackOf(FIELDS.health.watch);
  if (usual.ms >= 2 * interval.ms) return usual;
  const twice = interval.text.replace(/\d+/, (count) => String(2 * Number(count)));
  return v.parse(FIELDS.health.watch.kind.schema, twice);
}

function served({ static: files }: FieldValues) {
  return {
    dir: files.dir ?? fallbackOf(FIELDS.static.dir),
    spa: files.spa ?? fallbackOf(FIELDS.static.spa),
  };
}

/** THE table of deploy.toml: every table and key with its kind, default and meaning. Parser, reference and editor schema all come from here. */
import * as v from "valibot";
import { RUNTIME_NAMES } from "./runtimes.ts";
import type { Runtime } from "./runtimes.ts";
import type { ValueKind } from "./value-kinds.ts";
import {
  boolean,
  command,
  cpu,
  dnsLabel,
  httpPath,
  integer,
  memory,
  oneOf,
  port,
  relativePath,
  span,
} from "./value-kinds.ts";

export interface Field<T> {
  readonly kind: ValueKind<T>;
  readonly required: boolean;
  /** The TOML value used when the key is absent; undefined: none, or it depends on the runtime. */
  readonly fallback?: string | number | boolean;
  /** The default in words, where it depends on something else. */
  readonly fallbackWords?: string;
  /** Runtimes the key applies to; absent: all. */
  readonly runtimes?: readonly Runtime[];
  readonly about: string;
}

type Rest = Omit<Field<unknown>, "kind" | "required">;

function required<T>(kind: ValueKind<T>, rest: Rest): Field<T> & { readonly required: true } {
  return { kind, required: true, ...rest };
}

function optional<T>(kind: ValueKind<T>, rest: Rest): Field<T> {
  return { kind, required: false, ...rest };
}

const NOT_DOCKER = RUNTIME_NAMES.filter((name) => name !== "docker");
const NOT_STATIC = RUNTIME_NAMES.filter((name) => name !== "static");

export const FIELDS = {
  app: {
    name: required(dnsLabel(), { about: "Name of the app." }),
    runtime: required(oneOf(RUNTIME_NAMES), { about: "What builds and runs the app." }),
    port: optional(port(), {
      fallback: 8080,
      about: "Port the app listens on; also given to it as the variable `PORT`.",
    }),
    root: optional(relativePath(), {
      fallback: ".",
      about: "Folder of the repository the app lives in; other paths are relative to it.",
    }),
  },
  build: {
    command: optional(command(), {
      fallbackWords: "by runtime",
      runtimes: NOT_DOCKER,
      about: "Shell command that builds the app.",
    }),
    output: optional(relativePath(), {
      fallback: ".",
      runtimes: NOT_DOCKER,
      about: "Folder or file that goes into the image.",
    }),
    dockerfile: optional(relativePath(), {
      fallback: "Dockerfile",
      runtimes: ["docker"],
      about: "The Dockerfile to build.",
    }),
  },
  run: {
    command: optional(command(), {
      fallbackWords: "by runtime",
      runtimes: NOT_STATIC,
      about: "Command that starts the app.",
    }),
  },
  scaling: {
    min_replicas: optional(integer(1, 50), { fallback: 1, about: "Fewest replicas." }),
    max_replicas: optional(integer(1, 50), {
      fallback: 3,
      fallbackWords: "3, or `min_replicas` if that is more",
      about: "Most replicas; not below `min_replicas`.",
    }),
    cpu_target: optional(integer(1, 100), {
      fallback: 70,
      about: "CPU use, in percent of `resources.cpu`, above which replicas are added.",
    }),
  },
  health: {
    path: optional(httpPath(), {
      fallbackWords: '`"/healthz"`; `"/"` for static',
      about: "Path that answers 2xx or 3xx while the app is well.",
    }),
    interval: optional(span("1s", "10m"), { fallback: "30s", about: "Time between two probes." }),
    timeout: optional(span("100ms", "1m"), {
      fallback: "5s",
      fallbackWords: '`"5s"`, or `interval` if that is shorter',
      about: "Time one probe may take; not above `interval`.",
    }),
    success_threshold: optional(integer(1, 10), {
      fallback: 2,
      about: "Probes in a row that must pass before a replica counts as healthy.",
    }),
    failure_threshold: optional(integer(1, 10), {
      fallback: 3,
      about: "Probes in a row that must fail before a healthy replica counts as unhealthy.",
    }),
    watch: optional(span("0s", "1h"), {
      fallback: "60s",
      fallbackWords: '`"60s"`, or two intervals if that is more',
      about:
        "How long after becoming healthy a release is watched; one that fails meanwhile ends `failed`. Not below `interval`; `0s` watches nothing.",
    }),
    rollback: optional(boolean(), {
      fallback: true,
      about: "Whether the release before is deployed again when one fails within `watch`.",
    }),
  },
  resources: {
    cpu: optional(cpu("50m", "8"), { fallback: "250m", about: "CPU reserved for each replica." }),
    memory: optional(memory("32Mi", "16Gi"), {
      fallback: "128Mi",
      about: "Memory of each replica: reserved, and its limit.",
    }),
  },
  static: {
    dir: optional(relativePath(), {
      fallback: ".",
      runtimes: ["static"],
      about: "Folder that is served, inside `build.output`.",
    }),
    spa: optional(boolean(), {
      fallback: false,
      runtimes: ["static"],
      about: "Answer unknown paths with `index.html` (single-page app).",
    }),
  },
} as const satisfies Record<string, Record<string, Field<unknown>>>;

export type TableName = keyof typeof FIELDS;

/** `[env]` has no fixed keys, so it is described apart from the table above. */
export const ENV_TABLE = {
  about: "Environment variables of the app: names on the left, strings on the right.",
  namePattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
  longestName: 128,
  /** Legal POSIX names that no program means and that harm careless readers of JSON. */
  forbidden: ["__proto__", "constructor"],
  /** Names the platform sets itself. */
  reserved: ["PORT"],
  reservedPrefix: "BIFROST_",
  /** Names and values together, in UTF-8 bytes. */
  maxBytes: 32 * 1024,
} as const;

export const TABLE_NAMES = [...Object.keys(FIELDS), "env"] as readonly (TableName | "env")[];

export const TABLE_ABOUT = {
  app: "What the app is.",
  build: "How the image is made.",
  run: "How the app is started.",
  scaling: "How many replicas run.",
  health: "How the platform knows that the app is well.",
  resources: "What each replica gets.",
  static: "How files are served; only for the static runtime.",
  env: ENV_TABLE.about,
} as const satisfies Record<TableName | "env", string>;

/** A table's fields as a plain list, for code that treats all tables alike. */
export function fieldsOf(table: TableName): readonly (readonly [string, Field<unknown>])[] {
  return Object.entries(FIELDS[table] as Record<string, Field<unknown>>);
}

/** The default of a field that has one, read by the same schema as a written value. */
export function fallbackOf<T>(field: Field<T>): T {
  return v.parse(field.kind.schema, field.fallback);
}

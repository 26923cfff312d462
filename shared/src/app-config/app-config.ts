/** The parsed deploy.toml: every default filled in, every value checked; only the parser can make one. */
import type { FIELDS } from "./fields.ts";
import type { CpuQuantity, Duration, MemoryQuantity } from "./quantity.ts";
import type { ProcessRuntime } from "./runtimes.ts";
import type { DnsLabel, HttpPath, PortNumber, RelativePath, ValueKind } from "./value-kinds.ts";

interface ConfigOfAnyRuntime {
  readonly app: {
    readonly name: DnsLabel;
    readonly port: PortNumber;
    /** Folder of the repository the app lives in. */
    readonly root: RelativePath;
  };
  readonly scaling: {
    readonly minReplicas: number;
    readonly maxReplicas: number;
    /** Percent of the requested CPU. */
    readonly cpuTarget: number;
  };
  readonly health: {
    readonly path: HttpPath;
    readonly interval: Duration;
    readonly timeout: Duration;
    /** Probes in a row that make a replica healthy. */
    readonly successThreshold: number;
    /** Probes in a row that make it unhealthy again. */
    readonly failureThreshold: number;
    /** Time after healthy in which a release that fails ends `failed`. */
    readonly watch: Duration;
    /** Whether the release before is deployed again then. */
    readonly rollback: boolean;
  };
  readonly resources: { readonly cpu: CpuQuantity; readonly memory: MemoryQuantity };
  readonly env: Readonly<Record<string, string>>;
}

/** A program that the platform builds in a toolchain image and starts with a command. */
export interface ProcessConfig extends ConfigOfAnyRuntime {
  readonly runtime: ProcessRuntime;
  readonly build: { readonly command: string | null; readonly output: RelativePath };
  readonly run: { readonly command: string };
}

/** Files, which the gateway serves from Cloud Storage. */
export interface StaticConfig extends ConfigOfAnyRuntime {
  readonly runtime: "static";
  readonly build: { readonly command: string | null; readonly output: RelativePath };
  readonly static: { readonly dir: RelativePath; readonly spa: boolean };
}

/** An image made by the repository's Dockerfile; without a command the image's own starts. */
export interface DockerConfig extends ConfigOfAnyRuntime {
  readonly runtime: "docker";
  readonly build: { readonly dockerfile: RelativePath };
  readonly run: { readonly command: string | null };
}

/** What runs in the cluster. */
export type WorkloadConfig = ProcessConfig | DockerConfig;

/** Switch over `runtime` to tell the three apart. */
export type AppConfig = WorkloadConfig | StaticConfig;

type KindValue<F> = F extends { readonly kind: ValueKind<infer T> } ? T : never;

/** What deploy.toml says, checked value by value; undefined where it says nothing or something wrong. */
export type FieldValues = {
  readonly [Table in keyof typeof FIELDS]: {
    readonly [Key in keyof (typeof FIELDS)[Table]]:
      | KindValue<(typeof FIELDS)[Table][Key]>
      | undefined;
  };
} & { readonly env: Readonly<Record<string, string>> };

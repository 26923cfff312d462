/** Configuration as documents with versions, wherever they are kept. */
import type { ConfigVersion } from "./config-version.ts";

export const CONFIG_KINDS = ["routes", "projects", "settings", "policies", "backends"] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];

export type ConfigValue = Readonly<Record<string, unknown>>;

export interface ConfigDocument {
  readonly id: string;
  readonly version: ConfigVersion;
  /** null = it was deleted with this version. */
  readonly value: ConfigValue | null;
}

/** All documents of one kind at one moment. */
export interface ConfigSnapshot {
  /** By id. Some stores keep deleted ones, others do not. */
  readonly documents: ReadonlyMap<string, ConfigDocument>;
  /** Whatever has an earlier version and is not among them was deleted. */
  readonly asOf: ConfigVersion;
}

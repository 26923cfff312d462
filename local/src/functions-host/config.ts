/** What the functions host reads; everything else in its environment belongs to the functions. */
export interface HostConfig {
  readonly port: number;
  /** Metadata server's address; each function's name is appended. */
  readonly metadataBase: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function readHostConfig(environment = process.env): HostConfig {
  return {
    port: Number(environment["PORT"]),
    metadataBase: environment["BIFROST_METADATA_BASE"] ?? "",
    environment,
  };
}

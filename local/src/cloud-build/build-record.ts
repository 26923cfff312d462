/** One build as it is kept on disk; times are milliseconds since the epoch. */
export type BuildStatus =
  | "QUEUED"
  | "WORKING"
  | "SUCCESS"
  | "FAILURE"
  | "INTERNAL_ERROR"
  | "TIMEOUT"
  | "CANCELLED";

export interface StorageSource {
  readonly bucket: string;
  readonly object: string;
  /** Decimal text; `"0"` is the newest. */
  readonly generation: string;
}

export interface BuildStep {
  readonly id: string;
  readonly name: string;
  readonly entrypoint: string;
  readonly args: readonly string[];
  readonly script: string;
  readonly dir: string;
  readonly env: readonly string[];
  readonly timeoutMs: number | null;
  readonly allowFailure: boolean;
  status: BuildStatus;
  startedAt: number | null;
  finishedAt: number | null;
  exitCode: number;
}

export interface FailureInfo {
  readonly type:
    | "USER_BUILD_STEP"
    | "PUSH_FAILED"
    | "FETCH_SOURCE_FAILED"
    | "FAILURE_TYPE_UNSPECIFIED";
  readonly detail: string;
}

export interface BuildRecord {
  readonly id: string;
  readonly projectId: string;
  readonly createdAt: number;
  readonly source: StorageSource;
  readonly steps: readonly BuildStep[];
  readonly timeoutMs: number;
  /** References to push after the steps. */
  readonly images: readonly string[];
  readonly tags: readonly string[];
  readonly substitutions: Readonly<Record<string, string>>;
  readonly env: readonly string[];
  /** Full topic name of the notices. */
  readonly topic: string;
  status: BuildStatus;
  statusDetail: string;
  failure: FailureInfo | null;
  startedAt: number | null;
  finishedAt: number | null;
  /** Base64 per step, empty for a step that wrote none. */
  outputs: string[];
  pushed: readonly { readonly name: string; readonly digest: string }[];
  /** How often the steps were begun: more than once after a crash of the platform. */
  runs: number;
  cancelRequested: boolean;
  /** Notices not yet taken by Pub/Sub, oldest first. */
  unpublished: { status: BuildStatus; build: unknown }[];
}

export function isFinal(status: BuildStatus): boolean {
  return status !== "QUEUED" && status !== "WORKING";
}

/** Turns a source archive into an image: Cloud Build. */
import type { StoredObject } from "./object-store.ts";

export interface BuildStep {
  readonly id: string;
  /** Toolchain image the step runs in. */
  readonly image: string;
  readonly entrypoint: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Working directory below the source root. */
  readonly dir?: string;
}

export interface BuildRequest {
  readonly deploymentId: string;
  readonly attempt: number;
  readonly source: StoredObject;
  readonly steps: readonly BuildStep[];
  /** References the steps leave in the builder's own image store; pushed once all steps have succeeded. */
  readonly images: readonly string[];
  readonly timeoutSeconds: number;
}

export type BuildStatus =
  | "pending"
  | "working"
  | "succeeded"
  | "failed"
  | "timed-out"
  | "cancelled";

export interface Build {
  readonly id: string;
  readonly status: BuildStatus;
  readonly deploymentId: string | null;
  readonly attempt: number | null;
  /** What the steps wrote to `$BUILDER_OUTPUT/output`, decoded, in step order; empty string for none. */
  readonly outputs: readonly string[];
  /** Digests of the pushed `images` of the request, in their order; empty until then. */
  readonly pushed: readonly string[];
  /** The provider's words on a failure. */
  readonly detail: string | null;
}

export interface ImageBuilder {
  /** The build of this attempt, if one was started: builds are tagged with both ids. */
  find(deploymentId: string, attempt: number): Promise<Build | null>;
  start(request: BuildRequest): Promise<Build>;
  get(id: string): Promise<Build | null>;
  /** Ends the build's processes; a finished build stays as it is. */
  cancel(id: string): Promise<void>;
}

/** Builds and pushes container images. Its processes run outside the sandbox: it takes data, never a command line. */
import type { SandboxedProcess } from "../sandbox/sandbox.ts";

export interface ImageWork {
  /** Unique among what runs at the same time, `[a-z0-9-]`. */
  readonly label: string;
  /** Directory of this build's images alone, kept from one call to the next; the caller removes it at the end. */
  readonly storeDir: string;
}

export interface ImageBuildOrder extends ImageWork {
  /** Host path; nothing outside it gets into the image. */
  readonly contextDir: string;
  /** Host path of the Dockerfile. */
  readonly dockerfile: string;
  readonly tags: readonly string[];
  /** `NAME=VALUE` each. */
  readonly labels: readonly string[];
  readonly buildArgs: readonly string[];
}

export interface ImagePushOrder extends ImageWork {
  /** A tag of an image built before in the same `storeDir`. */
  readonly image: string;
  /** Host path that gets the digest of the pushed manifest. */
  readonly digestFile: string;
}

export interface ImageEngine {
  /** What this machine lacks and how to get it; null when the engine can work. Asked before each use. */
  unavailable(): string | null;
  build(order: ImageBuildOrder): SandboxedProcess;
  push(order: ImagePushOrder): SandboxedProcess;
}

/** What one build runs on and how it can end. */
import type { Readable } from "node:stream";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { BuildRecord, FailureInfo, StorageSource } from "./build-record.ts";
import type { LogStream } from "./log-stream.ts";
import type { StepImage, StepLimits } from "./step-command.ts";

export interface BuildMachine {
  readonly sandbox: Sandbox;
  readonly timers: Timers;
  /** A stream of the tar.gz or the path of a file. */
  readonly fetchSource: (source: StorageSource) => Promise<Readable | string>;
  readonly stepImages: Readonly<Record<string, StepImage>>;
  readonly stripSourceComponents: number;
  readonly limits: StepLimits;
  /** Directory for this build alone. */
  readonly dir: string;
  readonly cacheDir: string;
}

export type BuildEnd =
  | { readonly status: "SUCCESS" }
  | { readonly status: "FAILURE"; readonly failure: FailureInfo }
  | { readonly status: "TIMEOUT" | "CANCELLED"; readonly detail: string };

/** Why a running build is told to stop. */
export type StopReason = "cancelled" | "timeout";

/** One build on its machine. */
export interface Run {
  readonly build: BuildRecord;
  readonly machine: BuildMachine;
  readonly log: LogStream;
  readonly stop: AbortSignal;
}

export function stoppedBy(stop: AbortSignal): BuildEnd {
  if (stop.reason === "timeout") return { status: "TIMEOUT", detail: "the build timed out" };
  return { status: "CANCELLED", detail: "the build was cancelled" };
}

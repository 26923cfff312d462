/** The cause of a failure, from what the other functions wrote down. Pure. */
import {
  type Failure,
  type FailureCode,
  isFailureCode,
  newFailure,
} from "@bifrost/shared/domain/failure";
import type { State } from "@bifrost/shared/domain/lifecycle";
import type { Note } from "@bifrost/shared/ports/deployment-store";

export interface Traces {
  readonly diagnostics: Note | null;
  readonly build: Note | null;
  readonly observation: Note | null;
  /** Last lines of the build log, oldest first. */
  readonly buildLines: readonly string[];
}

export interface FailureCase {
  readonly state: State;
  readonly attempt: number;
  /** The reason code of the call; an unknown one counts as `platform-error`. */
  readonly reason: string;
  readonly traces: Traces;
}

const BUILD_LINES = 20;

export function decideFailure({ state, attempt, reason, traces }: FailureCase): Failure {
  const code: FailureCode = isFailureCode(reason) ? reason : "platform-error";
  const ofAttempt = (note: Note | null) => (note?.["attempt"] === attempt ? note : null);
  switch (code) {
    case "config-missing":
    case "config-invalid":
      return newFailure(code, state, textLines(ofAttempt(traces.diagnostics)?.["rendered"]));
    case "build-failed":
    case "build-timeout":
    case "runtime-unavailable":
      return newFailure(code, state, [
        ...textLines(ofAttempt(traces.build)?.["detail"]),
        ...traces.buildLines.slice(-BUILD_LINES),
      ]);
    case "crash-at-start":
    case "never-healthy":
    case "out-of-memory":
    case "unhealthy-after-release":
      return newFailure(code, state, lines(ofAttempt(traces.observation)?.["details"]));
    case "deadline-exceeded":
      return newFailure(code, state, [`It was ${state} when its deadline passed.`]);
    case "cancelled":
    case "superseded":
    case "image-missing":
    case "platform-error":
      return newFailure(
        code,
        state,
        code === "platform-error" ? [`The workflow reported: ${reason}`] : [],
      );
    default:
      return code satisfies never;
  }
}

function textLines(value: unknown): readonly string[] {
  return typeof value === "string" && value !== "" ? value.split("\n") : [];
}

function lines(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.filter((line): line is string => typeof line === "string")
    : [];
}

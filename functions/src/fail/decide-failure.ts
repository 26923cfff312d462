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
  /** What takes the place of a release that is undone, in words. */
  readonly successor?: string;
}

const BUILD_LINES = 20;

export function decideFailure(failed: FailureCase): Failure {
  const code: FailureCode = isFailureCode(failed.reason) ? failed.reason : "platform-error";
  return newFailure(code, failed.state, DETAILS[code](failed));
}

type Details = (failed: FailureCase) => readonly string[];

const ofDiagnostics: Details = ({ attempt, traces }) =>
  textLines(ofAttempt(traces.diagnostics, attempt)?.["rendered"]);

/** The log tells the story in order; the provider's summary only leads when the log does not hold it. */
const ofBuild: Details = ({ attempt, traces }) => {
  const log = traces.buildLines.slice(-BUILD_LINES);
  const summary = textLines(ofAttempt(traces.build, attempt)?.["detail"]);
  return [...summary.filter((line) => !log.some((logged) => logged.includes(line))), ...log];
};

const ofObservation: Details = ({ attempt, traces }) =>
  lines(ofAttempt(traces.observation, attempt)?.["details"]);

const none: Details = () => [];

/** Where each failure's evidence comes from. */
const DETAILS: Readonly<Record<FailureCode, Details>> = {
  "config-missing": ofDiagnostics,
  "config-invalid": ofDiagnostics,
  "build-failed": ofBuild,
  "build-timeout": ofBuild,
  "runtime-unavailable": ofBuild,
  "crash-at-start": ofObservation,
  "never-healthy": ofObservation,
  "out-of-memory": ofObservation,
  "unhealthy-after-release": (failed) => [
    ...ofObservation(failed),
    ...(failed.successor === undefined ? [] : [failed.successor]),
  ],
  "deadline-exceeded": ({ state }) => [`It was ${state} when its deadline passed.`],
  "platform-error": ({ reason, attempt, traces }) => {
    const seen = lines(ofAttempt(traces.observation, attempt)?.["details"]);
    return [`The workflow reported: ${reason}`, ...seen];
  },
  "image-missing": none,
  cancelled: none,
  superseded: none,
};

/** What an earlier attempt wrote says nothing about this one. */
function ofAttempt(note: Note | null, attempt: number): Note | null {
  return note?.["attempt"] === attempt ? note : null;
}

function textLines(value: unknown): readonly string[] {
  return typeof value === "string" && value !== "" ? value.split("\n") : [];
}

function lines(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.filter((line): line is string => typeof line === "string")
    : [];
}

/** Why a deployment ended `failed`, in codes for programs and words for people. */
import * as v from "valibot";
import { ALL_STATES } from "./lifecycle.ts";

interface FailureKind {
  /** One line: what happened. */
  readonly title: string;
  /** What the developer does next. */
  readonly hint: string;
}

export const FAILURE_KINDS = {
  "config-missing": {
    title: "The repository has no deploy.toml at this commit.",
    hint: "Run `bifrost init` in the repository, commit deploy.toml and push.",
  },
  "config-invalid": {
    title: "deploy.toml has errors.",
    hint: "Fix the lines named above; `bifrost validate` checks the file before you push.",
  },
  "runtime-unavailable": {
    title: "The toolchain of this runtime is missing where the build runs.",
    hint: "Install the toolchain named above, or choose another runtime.",
  },
  "build-failed": {
    title: "A build step ended with an error.",
    hint: "Read the last lines of the build log, fix the cause and push again.",
  },
  "build-timeout": {
    title: "The build took longer than it may.",
    hint: "Make the build shorter, or find the step that hangs in the build log.",
  },
  "image-missing": {
    title: "The image of the release to go back to is no longer stored.",
    hint: "Deploy the commit again: `bifrost deploy`.",
  },
  "crash-at-start": {
    title: "The app exits soon after it starts.",
    hint: "Run the command locally with the same environment; the last lines above say more.",
  },
  "never-healthy": {
    title: "The app runs, but its health check does not pass.",
    hint: "The app must listen on $PORT and answer the health path with a status from 200 to 399.",
  },
  "out-of-memory": {
    title: "The app used more memory than it may and was killed.",
    hint: "Raise [resources] memory in deploy.toml, or make the app use less.",
  },
  "unhealthy-after-release": {
    title: "The release turned unhealthy within its watch window.",
    hint: "Read the runtime log of the release, fix the cause and push again. Until another release serves, replicas of it that still pass keep answering.",
  },
  "deadline-exceeded": {
    title: "The deployment stayed in one state longer than it may.",
    hint: "Retry it: `bifrost retry`. If it happens again, the log of the state says where it waits.",
  },
  cancelled: { title: "Cancelled on request.", hint: "Retry it any time: `bifrost retry`." },
  superseded: {
    title: "A newer push to the same branch took its place.",
    hint: "Nothing to do: follow the newer deployment.",
  },
  "platform-error": {
    title: "A part of the platform failed while it worked on this deployment.",
    hint: "Retry it: `bifrost retry`. The details name the part.",
  },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURE_KINDS;

function codesOf(table: typeof FAILURE_KINDS): readonly FailureCode[] {
  return Object.keys(table).filter((name): name is FailureCode => name in table);
}

export const FAILURE_CODES = codesOf(FAILURE_KINDS);

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === "string" && Object.hasOwn(FAILURE_KINDS, value);
}

/** Lines and their length are bounded so that a failure always fits its document and a terminal. */
const MAX_DETAIL_LINES = 40;
const MAX_DETAIL_LENGTH = 500;

export const failureSchema = v.object({
  code: v.picklist(FAILURE_CODES),
  message: v.string(),
  /** Evidence in words: diagnostics with their lines, exit codes, last log lines. */
  details: v.array(v.string()),
  hint: v.string(),
  /** The state the deployment was in. */
  state: v.picklist(ALL_STATES),
});
export type Failure = v.InferOutput<typeof failureSchema>;

export function newFailure(
  code: FailureCode,
  state: Failure["state"],
  details: readonly string[],
): Failure {
  const kind = FAILURE_KINDS[code];
  return {
    code,
    message: kind.title,
    details: details.slice(0, MAX_DETAIL_LINES).map((line) => line.slice(0, MAX_DETAIL_LENGTH)),
    hint: kind.hint,
    state,
  };
}

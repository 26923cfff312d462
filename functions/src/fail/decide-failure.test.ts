import { FAILURE_CODES, FAILURE_KINDS, type FailureCode } from "@bifrost/shared/domain/failure";
import { describe, expect, it } from "vitest";
import { decideFailure } from "./decide-failure.ts";

const traces = {
  diagnostics: { attempt: 1, rendered: "line 1\nline 2" },
  build: { attempt: 1, detail: "step install failed" },
  observation: { attempt: 1, details: ["app-1: it ended", 7] },
  buildLines: ["npm ERR!"],
};
const none = { diagnostics: null, build: null, observation: null, buildLines: [] };
const failed = { state: "building" as const, attempt: 1, traces };

const ofDiagnostics = ["line 1", "line 2"];
const ofBuild = ["step install failed", "npm ERR!"];
const ofObservation = ["app-1: it ended"];

const EXPECTED: Readonly<Record<FailureCode, readonly string[]>> = {
  "config-missing": ofDiagnostics,
  "config-invalid": ofDiagnostics,
  "runtime-unavailable": ofBuild,
  "build-failed": ofBuild,
  "build-timeout": ofBuild,
  "image-missing": [],
  "crash-at-start": ofObservation,
  "never-healthy": ofObservation,
  "out-of-memory": ofObservation,
  "unhealthy-after-release": ofObservation,
  "deadline-exceeded": ["It was building when its deadline passed."],
  cancelled: [],
  superseded: [],
  "platform-error": ["The workflow reported: platform-error", ...ofObservation],
};

describe("decideFailure", () => {
  it("of a release that is undone says what takes its place", () => {
    const reason = "unhealthy-after-release";
    const failure = decideFailure({ ...failed, reason, successor: "Deployment 2 follows." });
    expect(failure.details).toEqual([...ofObservation, "Deployment 2 follows."]);
  });

  it.each(FAILURE_CODES)("of %s says what happened, shows its evidence and what to do", (code) => {
    const { title: message, hint } = FAILURE_KINDS[code];
    const failure = decideFailure({ ...failed, reason: code });
    expect(failure).toEqual({ code, message, hint, state: "building", details: EXPECTED[code] });
  });

  it.each(FAILURE_CODES)("of %s holds without any evidence", (code) => {
    const failure = decideFailure({ ...failed, reason: code, traces: none });
    expect(failure.code).toBe(code);
  });

  it.each(FAILURE_CODES)("of %s shows nothing that an earlier attempt left", (code) => {
    const failure = decideFailure({
      ...failed,
      attempt: 2,
      reason: code,
      traces: { ...traces, buildLines: [] },
    });
    const words = failure.details.join("\n");
    expect(words).not.toMatch(/line 1|step install|it ended/);
  });

  it("of a reason nobody knows is the platform's error and keeps the word", () => {
    const failure = decideFailure({ ...failed, reason: "gremlins", traces: none });
    expect(failure).toMatchObject({
      code: "platform-error",
      details: ["The workflow reported: gremlins"],
    });
  });

  it("says an error once when the build log holds it already", () => {
    const log = { ...traces, buildLines: ["x: step install failed"] };
    const failure = decideFailure({ ...failed, reason: "build-failed", traces: log });
    expect(failure.details).toEqual(["x: step install failed"]);
  });
});

import { BifrostError, ERROR_KINDS, type ErrorCode } from "@bifrost/shared/domain/errors";
import { type LogFields, silentLogger } from "@bifrost/shared/ports/logger";
import { describe, expect, it } from "vitest";
import { guarded, problemResponse } from "./service.ts";

const CODES = Object.keys(ERROR_KINDS) as ErrorCode[];
const request = new Request("http://f.test/");

describe("a problem", () => {
  it.each(CODES)("of %s carries its status, code, words and facts", async (code) => {
    const answer = problemResponse(new BifrostError(code, "what and what next", { id: "x" }));
    expect(answer.status).toBe(ERROR_KINDS[code].status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toEqual({
      type: `https://bifrost.dev/errors/${code}`,
      title: ERROR_KINDS[code].meaning,
      status: ERROR_KINDS[code].status,
      detail: "what and what next",
      code,
      facts: { id: "x" },
    });
  });

  it.each<[string, unknown]>([
    ["an error", new Error("connect ECONNREFUSED 10.0.0.1:5432 password=hunter2")],
    ["text", "password=hunter2"],
    ["a problem's cause", new BifrostError("internal", "sorry", {}, { cause: "password=hunter2" })],
    ["nothing", undefined],
  ])("of %s leaks nothing of the inside", async (_, thrown) => {
    const answer = problemResponse(thrown);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toMatch(/hunter2|ECONNREFUSED|10\.0\.0|\bat .*\.ts/);
  });

  it.each([429, 503])("with status %i says when to come again", (status) => {
    const code = CODES.find((one) => ERROR_KINDS[one].status === status) ?? "internal";
    expect(problemResponse(new BifrostError(code, "")).headers.get("retry-after")).toBe("1");
  });
});

describe("a guarded service", () => {
  const logged: [string, LogFields | undefined][] = [];
  const log = {
    ...silentLogger,
    info: (_: string, fields?: LogFields) => void logged.push(["info", fields]),
    error: (_: string, fields?: LogFields) => void logged.push(["error", fields]),
  };
  const answerTo = (error: unknown) =>
    guarded(async () => {
      throw error;
    }, log)(request);

  it("answers a refusal and logs it as no fault of its own", async () => {
    expect((await answerTo(new BifrostError("not-found", "no such thing"))).status).toBe(404);
    expect(logged.at(-1)).toEqual(["info", { code: "not-found", detail: "no such thing" }]);
  });

  it("answers a defect and logs it whole", async () => {
    const error = new Error("null is not a function");
    expect((await answerTo(error)).status).toBe(500);
    expect(logged.at(-1)).toEqual(["error", { error }]);
  });
});

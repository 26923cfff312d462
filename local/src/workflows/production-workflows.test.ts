import { readFileSync } from "node:fs";
import type { State } from "@bifrost/shared/domain/lifecycle";
import { HAPPY_PATH } from "@bifrost/shared/domain/lifecycle";
import { afterEach, describe, expect, test } from "vitest";
import type { Execution } from "./executions.ts";
import { FakeFunctions, HAPPY_MOVES } from "./testing/fake-functions.ts";
import type { Reply } from "./testing/fake-functions.ts";
import type { TestEngine } from "./testing/run-workflow.ts";
import { createEngine } from "./testing/run-workflow.ts";

const open: FakeFunctions[] = [];
afterEach(async () => {
  for (const functions of open.splice(0)) await functions.stop();
});

async function prepare(
  workflow: string,
  state: State = "queued",
): Promise<{ functions: FakeFunctions; engine: TestEngine }> {
  const functions = await FakeFunctions.start(state);
  open.push(functions);
  const source = readFileSync(
    new URL(`../../../workflows/${workflow}.yaml`, import.meta.url),
    "utf8",
  );
  const env = { FUNCTIONS_URL: functions.url };
  const engine = createEngine(source, { env });
  return { functions, engine };
}

const ARGUMENT = { deploymentId: "d1", attempt: 3 };
const outcomeOf = (execution: Execution): unknown => ({
  state: execution.state,
  result: JSON.parse(execution.result ?? "null"),
});
const returned = (result: unknown) => ({ state: "SUCCEEDED", result });
const problem = (status: number, code: string): Reply => ({ status, body: { code, status } });
const ok = (body: unknown): Reply => ({ status: 200, body });

describe("deployment.yaml", () => {
  test("visits exactly the happy path of the table", async () => {
    const { functions, engine } = await prepare("deployment");
    const ended = await engine.run(ARGUMENT);
    expect(outcomeOf(ended)).toEqual(returned({ outcome: "healthy" }));
    expect(functions.moves).toEqual(HAPPY_MOVES);
    expect(functions.illegal).toEqual([]);
    for (const { name, body, authorization } of functions.calls) {
      expect(body).toMatchObject({ deploymentId: "d1", attempt: 3, execution: ended.executionId });
      expect(authorization).toBe(`Bearer token-for-${functions.url}/${name}`);
    }
  });

  test.each(HAPPY_PATH)("started again in %s it makes no illegal call", async (state) => {
    const { functions, engine } = await prepare("deployment", state);
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "healthy" }));
    expect(functions.illegal).toEqual([]);
    expect(functions.moves).toEqual(HAPPY_MOVES.slice(HAPPY_PATH.indexOf(state)));
  });

  test("started for a failed deployment it ends quietly and fails nothing", async () => {
    const { functions, engine } = await prepare("deployment", "failed");
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
    expect(functions.moves).toEqual([]);
    expect(functions.called).toEqual(["validate", "restore"]);
  });

  const failures: [what: string, name: string, reply: Reply, reason: string][] = [
    ["an invalid config", "validate", ok({ valid: false }), "config-invalid"],
    ["a named reason", "validate", ok({ valid: false, reason: "no-image" }), "no-image"],
    ["a failed build", "finish-build", ok({ status: "failed" }), "build-failed"],
    ["a build out of memory", "finish-build", ok({ status: "failed", reason: "oom" }), "oom"],
    ["a rollout that fails", "observe", ok({ outcome: "failed" }), "platform-error"],
    ["a crash loop", "observe", ok({ outcome: "failed", reason: "crash" }), "crash"],
    ["an unhealthy release", "verify", ok({ outcome: "failed" }), "never-healthy"],
    ["probes that time out", "verify", ok({ outcome: "failed", reason: "probe" }), "probe"],
    ["a refused validation", "validate", problem(403, "permission-denied"), "platform-error"],
    ["a refused build", "build", problem(501, "not-implemented"), "platform-error"],
    ["a refused rollout", "deploy", problem(422, "manifest-invalid"), "platform-error"],
    ["a conflict of another kind", "observe", problem(409, "not-ready"), "platform-error"],
    ["an answer without its fields", "verify", ok({}), "platform-error"],
  ];
  test.each(failures)(
    "%s fails the deployment with its reason",
    async (_w, name, reply, reason) => {
      const { functions, engine } = await prepare("deployment");
      functions.script(name, () => reply);
      expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(
        returned({ outcome: "failed", reason }),
      );
      expect(functions.state).toBe("failed");
      expect(functions.calls.at(-1)).toMatchObject({
        name: "fail",
        body: { ...ARGUMENT, from: "any", to: "failed", reason },
      });
    },
  );

  const owners = ["validate", "build", "finish-build", "deploy", "observe", "verify"];
  test.each(
    owners.flatMap((name) =>
      ["illegal-move", "stale-attempt", "execution-superseded"].map(
        (code) => [name, code] as const,
      ),
    ),
  )("when %s answers 409 %s it ends quietly", async (name, code) => {
    const { functions, engine } = await prepare("deployment");
    functions.script(name, () => problem(409, code));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
    expect(functions.called).not.toContain("fail");
    expect(functions.called.slice(-2)).toEqual([name, "restore"]);
  });

  test("when fail itself has lost it ends quietly", async () => {
    const { functions, engine } = await prepare("deployment");
    functions.script("validate", () => ok({ valid: false }));
    functions.script("fail", () => problem(409, "stale-attempt"));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
  });

  test.each([...owners, "fail"])("repeats %s through 500s with growing pauses", async (name) => {
    const { functions, engine } = await prepare("deployment");
    if (name === "fail") functions.script("validate", () => ok({ valid: false }));
    functions.script(name, (_call, count) => (count <= 8 ? problem(500, "internal") : undefined));
    const start = engine.timers.now();
    const ended = await engine.run(ARGUMENT);
    const outcome =
      name === "fail" ? { outcome: "failed", reason: "config-invalid" } : { outcome: "healthy" };
    expect(outcomeOf(ended)).toEqual(returned(outcome));
    expect(functions.called.filter((called) => called === name)).toHaveLength(9);
    const pauses = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10].reduce((sum, pause) => sum + pause, 0);
    expect(engine.timers.now() - start).toBeCloseTo(pauses * 1000, -1);
  });

  test("gives up after the retries and fails the deployment", async () => {
    const { functions, engine } = await prepare("deployment");
    functions.script("deploy", () => problem(503, "upstream-unavailable"));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(
      returned({ outcome: "failed", reason: "platform-error" }),
    );
    expect(functions.called.filter((name) => name === "deploy")).toHaveLength(9);
  });

  test("waits for the build's callback before it asks", async () => {
    const { functions, engine } = await prepare("deployment");
    functions.script("build", (call) => {
      engine.timers.after(60_000, () => {
        const url = new URL(String(call.body["callback"])).pathname.split("/");
        const execution = url.slice(2, -2).join("/");
        engine.callbacks.deliver(execution, url.at(-1) ?? "", "POST", { http_request: {} });
      });
      return undefined;
    });
    functions.answer("build", { image: "building" });
    const start = engine.timers.now();
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "healthy" }));
    expect(engine.timers.now() - start).toBe(60_000);
    expect(functions.moves).toEqual(HAPPY_MOVES);
  });

  test("looks for itself when the callback never comes, and again every 30 s", async () => {
    const { functions, engine } = await prepare("deployment");
    functions.answer("build", { image: "building" });
    functions.script("finish-build", (_call, count) =>
      count <= 2 ? ok({ state: "building", status: "building" }) : undefined,
    );
    const start = engine.timers.now();
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "healthy" }));
    expect(engine.timers.now() - start).toBe((1900 + 30 + 30) * 1000);
    expect(functions.moves).toEqual(HAPPY_MOVES);
  });

  test("a build that never ends meets the bound", async () => {
    const { functions, engine } = await prepare("deployment");
    functions.answer("build", { image: "building" });
    functions.script("finish-build", () => ok({ status: "building" }));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(
      returned({ outcome: "failed", reason: "deadline-exceeded" }),
    );
    expect(functions.called.filter((name) => name === "finish-build")).toHaveLength(10);
  });

  test.each([
    ["observe", undefined, 1000],
    ["observe", 0.25, 250],
    ["verify", undefined, 1000],
    ["verify", 0.1, 100],
  ])("polls %s again after %s seconds", async (name, pollAfterSeconds, pause) => {
    const { functions, engine } = await prepare("deployment");
    functions.script(name, (_call, count) =>
      count <= 4
        ? ok({ outcome: "waiting", ...(pollAfterSeconds && { pollAfterSeconds }) })
        : undefined,
    );
    const start = engine.timers.now();
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "healthy" }));
    expect(engine.timers.now() - start).toBe(4 * pause);
  });

  test("keeps watching a healthy release for as long as verify names a time", async () => {
    const { functions, engine } = await prepare("deployment");
    functions.answer("verify", { outcome: "healthy", pollAfterSeconds: 2 });
    functions.script("verify", (_call, count) =>
      count > 31 ? ok({ outcome: "healthy" }) : undefined,
    );
    const start = engine.timers.now();
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "healthy" }));
    expect(engine.timers.now() - start).toBe(31 * 2000);
    expect(functions.moves).toEqual(HAPPY_MOVES);
    expect(functions.called.filter((name) => name === "verify")).toHaveLength(32);
    expect(functions.called).not.toContain("restore");
  });

  test("fails a release that turns bad while it is watched, then has it undone", async () => {
    const { functions, engine } = await watchedOnce(() =>
      ok({ outcome: "failed", reason: "unhealthy-after-release" }),
    );
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(
      returned({ outcome: "failed", reason: "unhealthy-after-release" }),
    );
    expect(functions.moves).toEqual([...HAPPY_MOVES, "healthy>failed by fail"]);
    expect(functions.called.slice(-3)).toEqual(["verify", "fail", "restore"]);
    expect(functions.calls.at(-1)?.body).toMatchObject(ARGUMENT);
  });

  test.each([
    ["does not answer", problem(503, "upstream-unavailable")],
    ["refuses", problem(403, "permission-denied")],
  ])("leaves a healthy release alone when verify %s while it is watched", async (_what, reply) => {
    const { functions, engine } = await watchedOnce(() => reply);
    expect((await engine.run(ARGUMENT)).state).toBe("FAILED");
    expect(functions.state).toBe("healthy");
    expect(functions.called).not.toContain("fail");
  });

  test("that is lost while it watches ends quietly", async () => {
    const { functions, engine } = await watchedOnce(() => problem(409, "stale-attempt"));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
    expect(functions.called.slice(-2)).toEqual(["verify", "restore"]);
  });

  test("a watch that never ends meets the bound", async () => {
    const { functions, engine } = await watchedOnce(() =>
      ok({ outcome: "healthy", pollAfterSeconds: 2 }),
    );
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "healthy" }));
    expect(functions.called.filter((name) => name === "verify")).toHaveLength(3601);
  });

  test("undoes what failed in its watch window before this execution was lost", async () => {
    const { functions, engine } = await prepare("deployment", "failed");
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
    expect(functions.called).toEqual(["validate", "restore"]);
  });

  test("repeats restore through 500s", async () => {
    const { functions, engine } = await prepare("deployment", "failed");
    functions.script("restore", (_call, count) =>
      count <= 8 ? problem(500, "internal") : undefined,
    );
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
    expect(functions.called.filter((name) => name === "restore")).toHaveLength(9);
  });
});

/** Healthy at once, and `look` is what every later look at it answers. */
async function watchedOnce(look: () => Reply) {
  const prepared = await prepare("deployment");
  const { functions } = prepared;
  functions.answer("verify", { outcome: "healthy", pollAfterSeconds: 2 });
  functions.script("verify", (_call, count) => (count === 1 ? undefined : look()));
  return prepared;
}

describe("retry.yaml", () => {
  test("puts a failed deployment back into the queue", async () => {
    const { functions, engine } = await prepare("retry", "failed");
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(
      returned({ outcome: "queued", attempt: 2 }),
    );
    expect(functions.moves).toEqual(["failed>queued by retry"]);
  });

  test("ends quietly when someone else was faster", async () => {
    const { functions, engine } = await prepare("retry", "validating");
    functions.script("retry", () => problem(409, "illegal-move"));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
    expect(functions.called).toEqual(["retry"]);
  });

  test("fails when the function refuses", async () => {
    const { functions, engine } = await prepare("retry", "failed");
    functions.script("retry", () => problem(403, "permission-denied"));
    expect((await engine.run(ARGUMENT)).state).toBe("FAILED");
  });
});

describe("cancel.yaml", () => {
  test.each(HAPPY_PATH)("fails a deployment in %s with the given reason", async (state) => {
    const { functions, engine } = await prepare("cancel", state);
    expect(outcomeOf(await engine.run({ ...ARGUMENT, reason: "superseded" }))).toEqual(
      returned({ outcome: "failed", reason: "superseded" }),
    );
    expect(functions.moves).toEqual([`${state}>failed by fail`]);
    expect(functions.calls[0]?.body["reason"]).toBe("superseded");
  });

  test("without a reason the deployment counts as cancelled", async () => {
    const { functions, engine } = await prepare("cancel", "building");
    await engine.run(ARGUMENT);
    expect(functions.calls[0]?.body["reason"]).toBe("cancelled");
  });

  test("ends quietly when the attempt is over", async () => {
    const { functions, engine } = await prepare("cancel", "healthy");
    functions.script("fail", () => problem(409, "stale-attempt"));
    expect(outcomeOf(await engine.run(ARGUMENT))).toEqual(returned({ outcome: "lost" }));
  });
});

import type {
  DeploymentDetails,
  DeploymentView,
  ProjectView,
  StreamEvent,
} from "@bifrost/shared/api/schemas";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { hastyTimers } from "@bifrost/shared/testing/hasty-timers";
import { describe, expect, it } from "vitest";
import { EXIT } from "./exit-code.ts";
import { follow, type FollowOptions } from "./follow.ts";
import { createOutput } from "./output.ts";

const AT = "2026-01-01T00:00:00.000Z";

function viewOf(changes: Partial<DeploymentView> = {}): DeploymentView {
  return {
    id: "depaaaaaaaaaaa",
    projectId: "proaaaaaaaaaaa",
    number: 1,
    commit: { sha: "a".repeat(40), message: "m", author: "Ada" },
    branch: "main",
    trigger: "push",
    rollbackOf: null,
    state: "queued",
    attempt: 1,
    stateSince: AT,
    createdAt: AT,
    imageDigest: null,
    configHash: null,
    url: "http://app.test",
    failure: null,
    retiredAt: null,
    ...changes,
  };
}

function deployment(changes: Partial<DeploymentView> = {}): StreamEvent {
  return { kind: "deployment", deployment: viewOf(changes) };
}

function project(liveDeploymentId: string): ProjectView {
  return {
    id: "proaaaaaaaaaaa",
    name: "app",
    slug: "app",
    repository: "local/app",
    defaultBranch: "main",
    url: "http://app.test",
    liveDeploymentId,
    liveNumber: 1,
    createdAt: AT,
  };
}

function moved(seq: number, to: DeploymentView["state"], attempt = 1): StreamEvent {
  const transition = { seq, from: null, to, by: "x", at: AT, attempt, why: null };
  return { kind: "transition", transition };
}

function log(id: string, stream: "build" | "runtime" = "build"): StreamEvent {
  return { kind: "log", log: { id, stream, step: "install", lines: [`line ${id}`], at: AT } };
}

const failure: NonNullable<DeploymentView["failure"]> = {
  code: "build-failed",
  message: "A build step ended with an error.",
  details: ["exit 1"],
  hint: "Fix it.",
  state: "building",
};

const HEALTHY = [deployment({ state: "healthy" }), moved(2, "healthy")];

/** Each session is the events of one connection, then its end: an error, or the server's goodbye. */
async function run(
  sessions: readonly (readonly (StreamEvent | Error)[])[],
  options: Partial<FollowOptions> & { readonly live?: DeploymentDetails } = {},
) {
  const { live } = options;
  const lines: string[] = [];
  const values: unknown[] = [];
  let connections = 0;
  const client = {
    async project() {
      if (live === undefined) throw new BifrostError("upstream-unavailable", "no answer");
      return project(live.id);
    },
    async deployment(id: string) {
      if (id !== live?.id) throw new BifrostError("not-found", id);
      return live;
    },
    async *stream(): AsyncGenerator<StreamEvent> {
      const session = sessions[connections++] ?? [new BifrostError("not-found", "script is over")];
      for (const event of session) {
        if (event instanceof Error) throw event;
        yield event;
      }
    },
  };
  const output = {
    ...createOutput({ json: false, color: false }),
    line: (text = "") => void lines.push(text),
    data: (value: unknown) => void values.push(value),
  };
  const exit = await follow({
    client,
    output,
    id: "depaaaaaaaaaaa",
    signal: new AbortController().signal,
    beyondEnd: false,
    streams: ["build", "deploy"],
    timers: hastyTimers(),
    ...options,
  });
  return { exit, lines, values, connections };
}

describe("following a deployment", () => {
  it("shows states and lines as they come and ends well when it is healthy", async () => {
    const { exit, lines } = await run([[deployment(), moved(1, "queued"), log("1"), ...HEALTHY]]);
    expect(exit).toBe(EXIT.ok);
    expect(lines[0]).toContain("queued");
    expect(lines[1]).toContain("line 1");
    expect(lines.at(-1)).toContain("http://app.test");
  });

  it("ends with its own exit code when it failed, and says why and what to do", async () => {
    const events = [deployment({ state: "failed", failure }), moved(2, "failed")];
    const { exit, lines } = await run([events]);
    expect(exit).toBe(EXIT.deploymentFailed);
    expect(lines.join("\n")).toMatch(/A build step ended with an error[\s\S]*exit 1[\s\S]*Fix it/);
  });

  const healthy = { state: "healthy", number: 2, id: "depbbbbbbbbbbb" } as const;

  it.each([
    ["60s", /^It is watched for 60s\..*: bifrost status 2$/],
    ["0s", /^Deployment 2 is healthy\.  http:\/\/app\.test$/],
  ])("to healthy with a watch of %s says whether it is watched", async (watch, words) => {
    const live = { ...viewOf(healthy), watch };
    const { exit, lines, values } = await run([[deployment(healthy), moved(2, "healthy")]], {
      live,
    });
    expect(exit).toBe(EXIT.ok);
    expect(lines.at(-1)).toMatch(words);
    expect(values.at(-1)).toMatchObject({ kind: "end", deployment: healthy, live: { watch } });
  });

  it.each([
    ["serves", {}, "serves deployment 3."],
    [
      "stays with, though it failed,",
      { state: "failed", failure } as const,
      "stays with deployment 3 (failed: A build step ended with an error).",
    ],
  ])("to healthy says which newer release the URL %s", async (_, changes, words) => {
    const live = { ...viewOf({ state: "healthy", number: 3, ...changes }), watch: "60s" };
    const { exit, lines, values } = await run([[deployment(healthy), moved(2, "healthy")]], {
      live,
    });
    expect(exit).toBe(EXIT.ok);
    expect(lines.slice(-2)).toEqual([
      `Deployment 2 is healthy.  It is not live: http://app.test ${words}`,
      "Only a higher number takes over; to make it live: bifrost rollback 2",
    ]);
    expect(values.at(-1)).toMatchObject({ kind: "end", live: { number: 3 } });
  });

  it.each([
    ["breaks", [new BifrostError("upstream-unavailable", "gone")]],
    ["is ended by the server", []],
  ])("takes up a stream that %s and repeats no line", async (_, end) => {
    const first = [deployment(), moved(1, "queued"), log("1"), log("2"), ...end];
    const second = [deployment(), moved(1, "queued"), log("1"), log("2"), log("3"), ...HEALTHY];
    const { exit, lines, connections } = await run([first, second]);
    expect([exit, connections]).toEqual([EXIT.ok, 2]);
    const shown = lines.filter((line) => line.includes("line "));
    expect(shown.map((line) => line.slice(-1))).toEqual(["1", "2", "3"]);
    expect(lines.filter((line) => line.includes("queued"))).toHaveLength(1);
  });

  it("of a retried one does not end with the end of its first attempt", async () => {
    const now = deployment({ state: "failed", failure, attempt: 2 });
    const history = [moved(2, "failed"), moved(3, "queued", 2), moved(4, "failed", 2)];
    const { lines } = await run([[now, ...history]]);
    expect(lines.filter((line) => line.startsWith("●"))).toHaveLength(3);
  });

  it("shows only the streams that were asked for", async () => {
    const { lines } = await run([[log("1", "runtime"), ...HEALTHY]]);
    expect(lines.join("\n")).not.toContain("line 1");
  });

  it.each(["not-found", "unauthenticated"] as const)("is given up at once on %s", async (code) => {
    await expect(run([[new BifrostError(code, "no")]])).rejects.toMatchObject({ code });
  });

  it("is given up when nothing answers for a long time", async () => {
    const silent = Array.from({ length: 30 }, () => [
      new BifrostError("upstream-unavailable", "no answer"),
    ]);
    await expect(run(silent)).rejects.toMatchObject({ code: "upstream-unavailable" });
  });

  it("that is interrupted ends as interrupted", async () => {
    const signal = AbortSignal.abort();
    expect((await run([HEALTHY], { signal })).exit).toBe(EXIT.interrupted);
  });
});

import type { PolicyDetails, PolicyView, PushedPolicy } from "@bifrost/shared/api/policies";
import { MAX_POLICY_SOURCE_BYTES } from "@bifrost/shared/domain/policy";
import { faulted, judged } from "@bifrost/shared/domain/policy-changes";
import { describe, expect, it } from "vitest";
import { testApi } from "../testing/test-api.ts";

function setUp() {
  const { platform, call } = testApi();
  const push = (change: object = {}, by = "ada") =>
    call<PushedPolicy>("POST", "/policies", {
      by,
      body: { name: "limits", source: "function on_request(req) end", ...change },
    });
  /** As a gateway does it. */
  const judge = async (version: number, passed: boolean, report: readonly string[] = []) => {
    const found = await platform.policies.readVersion("limits", version);
    if (found === null) throw new Error("no such version");
    const next = judged(found.value, { passed, report }, new Date(platform.timers.now()));
    await platform.policies.changeVersion("limits", found, next);
  };
  const activate = (version: number, by = "ada") =>
    call<PolicyView>("POST", "/policies/limits/activate", { by, body: { version } });
  /** Pushed, passed and put in service. */
  const serve = async (change: object = {}, by = "ada") => {
    const { version } = (await push(change, by)).body.version;
    await judge(version, true);
    await activate(version, by);
    return version;
  };
  const read = async () => (await call<PolicyDetails>("GET", "/policies/limits")).body;
  const logLine = (id: string, text: string) => ({
    id,
    lines: [{ at: new Date(platform.timers.now()), version: 1, text }],
  });
  return { platform, call, push, judge, activate, serve, read, logLine };
}

describe("a pushed policy", () => {
  it("is stored with its source and its tests, and waits for its check", async () => {
    const { platform, push, read } = setUp();
    const pushed = await push({ test: "function test_it() end" });
    expect(pushed).toMatchObject({
      status: 201,
      body: {
        policy: { name: "limits", kind: "request", scope: "team", activeVersion: null },
        version: { version: 1, verdict: "pending", hasTest: true, by: "ada" },
      },
    });
    const { hash } = pushed.body.version;
    const object = async (name: string) => {
      const bytes = await platform.objects.read("policies", name, 1000);
      return bytes === null ? null : new TextDecoder().decode(bytes);
    };
    const stem = `policies/limits/${hash}`;
    expect(await object(`${stem}.lua`)).toBe("function on_request(req) end");
    expect(await object(`${stem}_test.lua`)).toBe("function test_it() end");
    expect((await read()).history).toMatchObject([{ what: "push", version: 1, by: "ada" }]);
  });

  it("that is the same as a version before answers that version", async () => {
    const { push, read } = setUp();
    await push();
    await push({ source: "-- other" });
    await push({ test: "-- a test is part of it" });
    expect(await push()).toMatchObject({ status: 200, body: { version: { version: 1 } } });
    expect((await read()).versions.map(({ version }) => version)).toEqual([3, 2, 1]);
  });

  it("keeps fifty versions beside those in service and former ones", async () => {
    const { push, serve, read } = setUp();
    await serve();
    for (let count = 0; count < 55; count++) await push({ source: `-- ${count}` });
    const { versions } = await read();
    expect(versions).toHaveLength(51);
    expect(versions.at(-1)?.version).toBe(1);
  });

  it.each([
    ["without a source", { source: "" }],
    ["with too long a source", { source: "x".repeat(MAX_POLICY_SOURCE_BYTES + 1) }],
    ["with too long a test", { test: "é".repeat(MAX_POLICY_SOURCE_BYTES / 2 + 1) }],
    ["under a name that is none", { name: "Our limits" }],
    ["under a standard name", { name: "standard/cors" }],
    ["of an unknown kind", { kind: "magic" }],
    ["with a field nobody knows", { force: true }],
  ])("is refused %s", async (_what, change) => {
    const { push } = setUp();
    expect(await push(change)).toMatchObject({ status: 400, body: { code: "bad-request" } });
  });

  it("may be as long as is allowed, whatever its bytes", async () => {
    const { push } = setUp();
    const full = "\n".repeat(MAX_POLICY_SOURCE_BYTES);
    expect(await push({ source: full, test: full })).toMatchObject({ status: 201 });
  });

  it.each([
    ["with a reading key", "rob", {}, 403],
    ["for the platform without being an administrator", "ada", { scope: "platform" }, 403],
    ["under another team's name", "eve", {}, 409],
    ["as another kind than before", "ada", { kind: "alert" }, 409],
    ["for the platform under a team's name", "root", { scope: "platform" }, 409],
  ])("is refused %s", async (_what, by, change, status) => {
    const { push, read } = setUp();
    await push();
    const refused = await push({ source: "-- other", ...change }, by);
    expect(refused.status).toBe(status);
    expect((await read()).versions).toHaveLength(1);
  });

  it("repeated with its Idempotency-Key gets the first answer", async () => {
    const { call } = setUp();
    const body = { name: "limits", source: "x".repeat(60_000), test: "y".repeat(60_000) };
    const headers = { "idempotency-key": "k1" };
    const first = await call("POST", "/policies", { body, headers });
    const again = await call("POST", "/policies", { body, headers });
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });
});

describe("a version", () => {
  it("goes into service once it has passed, and back to the one before", async () => {
    const { call, serve, read } = setUp();
    await serve();
    await serve({ source: "-- second" });
    expect(await read()).toMatchObject({ activeVersion: 2, formerVersions: [1] });
    const back = await call("POST", "/policies/limits/revert", { body: {} });
    expect(back).toMatchObject({ status: 200, body: { activeVersion: 1 } });
    const off = await call("POST", "/policies/limits/revert", { body: {} });
    expect(off).toMatchObject({ status: 200, body: { activeVersion: null } });
    const none = await call("POST", "/policies/limits/revert", { body: {} });
    expect(none).toMatchObject({ status: 409, body: { code: "not-ready" } });
    expect((await read()).history.map(({ what, version }) => `${what} ${version}`)).toEqual([
      "push 1",
      "activate 1",
      "push 2",
      "activate 2",
      "revert 2",
      "revert 1",
    ]);
  });

  it("that has failed is refused with its report, and one that waits for its check for now", async () => {
    const { push, judge, activate } = setUp();
    await push();
    expect(await activate(1)).toMatchObject({ status: 409, body: { code: "not-ready" } });
    const report = ["limits.lua:3: attempt to index nil", "  in on_request"];
    await judge(1, false, report);
    const refused = await activate(1);
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({
      code: "policy-not-passed",
      detail: expect.stringContaining("limits.lua:3") as string,
      facts: { report },
    });
    expect(await activate(7)).toMatchObject({ status: 404 });
  });

  it("that a fault took out of service says why, and serves again when it is activated", async () => {
    const { platform, serve, activate, read } = setUp();
    const version = await serve();
    const found = await platform.policies.read("limits");
    if (found === null) throw new Error("not stored");
    const why = "limits.lua:3: out of time";
    const at = new Date(platform.timers.now());
    await platform.policies.change(found, faulted(found.value, { by: "gateway", at, why }));
    expect(await read()).toMatchObject({ activeVersion: null, fault: why });
    expect(await activate(version)).toMatchObject({ status: 200, body: { fault: null } });
  });

  it.each([
    ["POST", "/activate", { version: 1 }],
    ["POST", "/revert", {}],
    ["DELETE", "", undefined],
  ])("of what was read is not changed over somebody else: %s %s", async (method, path, body) => {
    const { call, push, serve } = setUp();
    await serve();
    const tag = (await call("GET", "/policies/limits")).headers.get("etag") ?? "";
    await push({ source: "-- somebody else's" });
    const late = await call(method, `/policies/limits${path}`, {
      body,
      headers: { "if-match": tag },
    });
    expect(late).toMatchObject({ status: 412, body: { code: "precondition-failed" } });
    const now = (await call("GET", "/policies/limits")).headers.get("etag") ?? "";
    const fresh = { body, headers: { "if-match": `"other", ${now}` } };
    expect(await call(method, `/policies/limits${path}`, fresh)).toMatchObject({ status: 200 });
  });

  it("changed twice at once is changed twice", async () => {
    const { call, serve, read } = setUp();
    for (const source of ["-- 1", "-- 2", "-- 3"]) await serve({ source });
    const revert = () => call("POST", "/policies/limits/revert", { body: {} });
    await Promise.all([revert(), revert()]);
    expect(await read()).toMatchObject({ activeVersion: 1, formerVersions: [] });
  });
});

describe("who may see and do what", () => {
  it.each([
    ["GET", "", undefined],
    ["GET", "/logs", undefined],
    ["POST", "/activate", { version: 1 }],
    ["POST", "/revert", {}],
    ["DELETE", "", undefined],
  ])("another team's policy does not exist: %s %s", async (method, path, body) => {
    const { call, serve } = setUp();
    await serve();
    const answer = await call(method, `/policies/limits${path}`, { by: "eve", body });
    expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  it.each([
    ["POST", "/activate", { version: 1 }],
    ["POST", "/revert", {}],
    ["DELETE", "", undefined],
  ])("what everyone sees of the platform only administrators change: %s %s", async (...one) => {
    const [method, path, body] = one;
    const { call, serve } = setUp();
    await serve({ scope: "platform" }, "root");
    expect(await call("GET", "/policies/limits", { by: "eve" })).toMatchObject({ status: 200 });
    const refused = await call(method, `/policies/limits${path}`, { body });
    expect(refused).toMatchObject({ status: 403 });
    const done = await call(method, `/policies/limits${path}`, { by: "root", body });
    expect(done).toMatchObject({ status: 200 });
  });

  it("what the platform's policies say of requests only administrators read", async () => {
    const { platform, call, push, judge, logLine } = setUp();
    await push({ scope: "platform" }, "root");
    await judge(1, true, ["GET /secret of another team was forwarded"]);
    await platform.policies.addLog("limits", logLine("1", "10.0.0.1 asked for /secret"));
    const [details, logs] = ["/policies/limits", "/policies/limits/logs"];
    const report = async (by: string) =>
      (await call<PolicyDetails>("GET", details, { by })).body.versions[0]?.report;
    expect(await report("root")).toEqual(["GET /secret of another team was forwarded"]);
    expect(await report("ada")).toEqual(["shown to administrators only"]);
    expect(await call("GET", logs, { by: "root" })).toMatchObject({ status: 200 });
    expect(await call("GET", logs, { by: "ada" })).toMatchObject({ status: 403 });
  });

  it("the list holds one's own, the platform's and those that come with the gateway", async () => {
    const { call, push } = setUp();
    await push();
    await push({ name: "for-all", scope: "platform" }, "root");
    await push({ name: "foreign" }, "eve");
    const { items } = (await call<{ items: PolicyView[] }>("GET", "/policies")).body;
    const scopes = Object.fromEntries(items.map(({ name, scope }) => [name, scope]));
    expect(scopes).toMatchObject({
      limits: "team",
      "for-all": "platform",
      "standard/cors": "standard",
    });
    expect(scopes["foreign"]).toBeUndefined();
  });
});

describe("attaching", () => {
  const LIMITS = { policy: "limits", config: { rate: 5, by: "ip", networks: ["10.0.0.0/8"] } };
  const CORS = { policy: "standard/cors", config: { origins: ["*"] } };

  it("sets the policies of a project in their order, and answers them", async () => {
    const { call, serve } = setUp();
    await serve();
    const policies = [CORS, LIMITS];
    const put = await call("PUT", "/projects/app/policies", { body: { policies } });
    expect(put).toMatchObject({ status: 200, body: { policies } });
    expect((await call("GET", "/projects/app/policies")).body).toEqual({ policies });
  });

  it("sets those of the platform for administrators, who alone see their settings", async () => {
    const { call, serve } = setUp();
    await serve({ scope: "platform" }, "root");
    const body = { policies: [{ ...LIMITS, config: { secret: "open sesame" } }] };
    expect(await call("PUT", "/platform/policies", { body })).toMatchObject({ status: 403 });
    const put = await call("PUT", "/platform/policies", { by: "root", body });
    expect(put).toMatchObject({ status: 200, body });
    const asked = (by: string) => call("GET", "/platform/policies", { by });
    expect((await asked("root")).body).toEqual(body);
    expect((await asked("rob")).body).toEqual({ policies: [{ ...LIMITS, config: {} }] });
  });

  it.each([
    ["nobody has", [{ policy: "no-such" }], "bad-request", /there is no policy no-such/],
    ["do not come with the gateway", [{ policy: "standard/no" }], "bad-request", /standard\/cors/],
    ["another team has", [{ policy: "foreign" }], "bad-request", /there is no policy foreign/],
    ["judge samples", [{ policy: "alarm" }], "bad-request", /handles no requests/],
    ["serve nothing yet", [{ policy: "idle" }], "not-ready", /activate idle/],
    ["have no name", [{ policy: "No Name" }], "bad-request", /policies\.0\.policy/],
    [
      "have settings of a wrong kind",
      [{ policy: "standard/cors", config: { a: { b: 1 } } }],
      "bad-request",
      /config\.a/,
    ],
    ["are too many", Array.from({ length: 17 }, () => CORS), "bad-request", /16/],
  ])("refuses policies that %s", async (_what, policies, code, detail) => {
    const { call, push } = setUp();
    await push({ name: "foreign" }, "eve");
    await push({ name: "alarm", kind: "alert" });
    await push({ name: "idle" });
    const put = await call("PUT", "/projects/app/policies", { body: { policies } });
    expect(put.body).toMatchObject({ code, detail: expect.stringMatching(detail) as string });
    expect((await call("GET", "/projects/app/policies")).body).toEqual({ policies: [] });
  });

  it("takes a team's policy for its projects, not for the platform", async () => {
    const { call, serve } = setUp();
    await serve();
    const body = { policies: [LIMITS] };
    const put = await call("PUT", "/platform/policies", { by: "root", body });
    expect(put).toMatchObject({ status: 400, body: { code: "bad-request" } });
  });

  it("leaves what a fault has disabled where it is", async () => {
    const { call, serve } = setUp();
    await serve();
    await call("PUT", "/projects/app/policies", { body: { policies: [LIMITS] } });
    await call("POST", "/policies/limits/revert", { body: {} });
    const body = { policies: [LIMITS, CORS] };
    expect(await call("PUT", "/projects/app/policies", { body })).toMatchObject({ status: 200 });
  });

  it("loses nobody's change", async () => {
    const { call } = setUp();
    for (const [place, by] of [
      ["/projects/app/policies", "ada"],
      ["/platform/policies", "root"],
    ] as const) {
      const tag = (await call("GET", place, { by })).headers.get("etag") ?? "";
      const headers = { "if-match": tag };
      const body = { policies: [CORS] };
      expect(await call("PUT", place, { by, body, headers })).toMatchObject({ status: 200 });
      const late = await call("PUT", place, { by, body: { policies: [] }, headers });
      expect(late).toMatchObject({ status: 412, body: { code: "precondition-failed" } });
    }
  });

  it("is not for another team's project, nor for a reading key", async () => {
    const { call } = setUp();
    const body = { policies: [] };
    const place = "/projects/app/policies";
    expect(await call("PUT", place, { by: "eve", body })).toMatchObject({ status: 404 });
    expect(await call("GET", place, { by: "eve" })).toMatchObject({ status: 404 });
    expect(await call("PUT", place, { by: "rob", body })).toMatchObject({ status: 403 });
    expect(await call("GET", place, { by: "rob" })).toMatchObject({ status: 200 });
  });
});

describe("deleting", () => {
  it("is refused while the policy is attached, and then takes everything with it", async () => {
    const { platform, call, serve } = setUp();
    await serve();
    platform.policies.attachedTo.set("limits", ["project app", "route a.test"]);
    const refused = await call("DELETE", "/policies/limits");
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "policy-in-use", facts: { uses: ["project app", "route a.test"] } },
    });
    platform.policies.attachedTo.clear();
    const deleted = await call("DELETE", "/policies/limits");
    expect(deleted).toMatchObject({ status: 200, body: { deleted: "limits" } });
    expect(await call("GET", "/policies/limits")).toMatchObject({ status: 404 });
    expect(await platform.policies.versions("limits")).toEqual([]);
  });
});

describe("the log of a policy", () => {
  it("is read from where the last answer ended", async () => {
    const { platform, call, push, logLine } = setUp();
    await push();
    for (const id of ["1", "2", "3"])
      await platform.policies.addLog("limits", logLine(id, `line ${id}`));
    const first = await call("GET", "/policies/limits/logs?limit=2");
    expect(first.body).toMatchObject({ items: [{ id: "2" }, { id: "3" }], nextCursor: "3" });
    const quiet = await call("GET", "/policies/limits/logs?cursor=3");
    expect(quiet.body).toEqual({ items: [], nextCursor: "3" });
    await platform.policies.addLog("limits", logLine("4", "new"));
    const next = await call("GET", "/policies/limits/logs?cursor=3");
    expect(next.body).toMatchObject({ items: [{ id: "4", lines: [{ text: "new" }] }] });
  });

  it.each(["0", "-1", "x", "1.5", "100000"])(
    "takes the limit %s for one it can use",
    async (limit) => {
      const { platform, call, push, logLine } = setUp();
      await push();
      await platform.policies.addLog("limits", logLine("1", "x"));
      const answer = await call("GET", `/policies/limits/logs?limit=${limit}`);
      expect(answer).toMatchObject({ status: 200, body: { items: [{ id: "1" }] } });
    },
  );
});

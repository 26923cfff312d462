import { createHash } from "node:crypto";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { Person } from "@bifrost/shared/ports/team-directory";
import { describe, expect, it } from "vitest";
import { DEPLOY_TOML, TestPlatform } from "../testing/test-platform.ts";
import { apiService } from "./service.ts";

const KEY = "bfk_ada";
const OTHER_KEY = "bfk_eve";
const READER_KEY = "bfk_reader";

function signIn(platform: TestPlatform): void {
  const people: [string, Person][] = [
    [KEY, { uid: "ada", teamIds: ["team"], scopes: ["read", "deploy"] }],
    [OTHER_KEY, { uid: "eve", teamIds: ["others"], scopes: ["read", "deploy", "admin"] }],
    [READER_KEY, { uid: "rob", teamIds: ["team"], scopes: ["read"] }],
  ];
  for (const [key, person] of people) {
    platform.people.set(createHash("sha256").update(key).digest("hex"), person);
  }
}

interface Call {
  readonly key?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function setUp() {
  const platform = new TestPlatform();
  signIn(platform);
  const service = apiService(platform.ports);
  const call = async (method: string, path: string, options: Call = {}) => {
    const { key = KEY, body, headers = {} } = options;
    const answer = await service(
      new Request(`http://api.test/v1${path}`, {
        method,
        headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: JSON.parse(text) as Record<string, unknown>,
    };
  };
  return { platform, service, call };
}

const NEW_PROJECT = { name: "My Shop", repository: "acme/shop" };
const second = "depbbbbbbbbbbb" as Deployment["id"];
const imageDigest = `sha256:${"b".repeat(64)}` as NonNullable<Deployment["imageDigest"]>;

describe("who calls", () => {
  it.each([null, "", "bfk_unknown", "no-key-at-all"])("with %j is nobody", async (key) => {
    const { call } = setUp();
    const answer = await call("GET", "/projects", { key });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  });

  it("with a key is asked back who that is", async () => {
    const { call } = setUp();
    expect((await call("GET", "/whoami")).body).toMatchObject({ uid: "ada" });
  });

  it("needs no key to see that the API is up", async () => {
    const { call } = setUp();
    expect(await call("GET", "/health", { key: null })).toMatchObject({ status: 200 });
  });

  it.each([
    ["POST", "/projects", NEW_PROJECT],
    ["DELETE", "/projects/app", undefined],
    ["POST", "/projects/app/deployments", {}],
    ["POST", "/projects/app/rollbacks", {}],
    ["POST", "/deployments/depaaaaaaaaaaa/cancel", {}],
    ["POST", "/deployments/depaaaaaaaaaaa/retry", {}],
  ])("with a reading key may not %s %s", async (method, path, body) => {
    const { call, platform } = setUp();
    platform.deployment();
    const answer = await call(method, path, { key: READER_KEY, body });
    expect(answer).toMatchObject({ status: 403, body: { code: "permission-denied" } });
    expect(platform.started).toEqual([]);
  });
});

describe("another team's things", () => {
  it.each([
    ["GET", "/projects/app", undefined],
    ["GET", "/projects/proaaaaaaaaaaa", undefined],
    ["DELETE", "/projects/app", undefined],
    ["GET", "/projects/app/deployments", undefined],
    ["POST", "/projects/app/deployments", {}],
    ["POST", "/projects/app/rollbacks", {}],
    ["GET", "/deployments/depaaaaaaaaaaa", undefined],
    ["GET", "/deployments/depaaaaaaaaaaa/transitions", undefined],
    ["GET", "/deployments/depaaaaaaaaaaa/logs", undefined],
    ["GET", "/deployments/depaaaaaaaaaaa/stream", undefined],
    ["POST", "/deployments/depaaaaaaaaaaa/cancel", {}],
    ["POST", "/deployments/depaaaaaaaaaaa/retry", {}],
  ])("do not exist, whatever one's scopes: %s %s", async (method, path, body) => {
    const { call, platform } = setUp();
    platform.deployment();
    const answer = await call(method, path, { key: OTHER_KEY, body });
    expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  it("are not listed", async () => {
    const { call } = setUp();
    expect((await call("GET", "/projects", { key: OTHER_KEY })).body["items"]).toEqual([]);
    expect((await call("GET", "/projects")).body["items"]).toHaveLength(1);
  });
});

describe("projects", () => {
  it("are created under their slug, found by slug and id, and deleted with their route", async () => {
    const { call, platform } = setUp();
    const created = await call("POST", "/projects", { body: NEW_PROJECT });
    expect(created).toMatchObject({
      status: 201,
      body: { slug: "my-shop", url: "http://my-shop.apps.test:8080", defaultBranch: "main" },
    });
    expect(platform.routes.hosts()).toEqual(["my-shop.apps.test"]);
    const bySlug = await call("GET", "/projects/my-shop");
    const byId = await call("GET", `/projects/${String(created.body["id"])}`);
    expect(bySlug.body).toEqual(byId.body);
    expect(await call("DELETE", "/projects/my-shop")).toMatchObject({ status: 200 });
    expect((await call("GET", "/projects/my-shop")).status).toBe(404);
    expect(platform.routes.hosts()).toEqual([]);
  });

  it.each([
    ["without a name", { repository: "a/b" }],
    ["with an empty name", { name: "  ", repository: "a/b" }],
    ["whose name gives no slug", { name: "!!!", repository: "a/b" }],
    ["whose repository is no owner/name", { name: "x", repository: "https://github.com/a/b" }],
    ["with a field nobody knows", { ...NEW_PROJECT, admin: true }],
  ])("are refused %s", async (_, body) => {
    const { call } = setUp();
    const answer = await call("POST", "/projects", { body });
    expect(answer).toMatchObject({ status: 400, body: { code: "bad-request" } });
  });

  it("are refused under a slug or repository that is taken", async () => {
    const { call } = setUp();
    const body = { name: "app", repository: "acme/other" };
    const answer = await call("POST", "/projects", { body });
    expect(answer).toMatchObject({ status: 409, body: { code: "already-exists" } });
  });

  it("are refused under the name of a deployment, whose host they would take", async () => {
    const { call, platform } = setUp();
    const { id } = platform.deployment();
    const answer = await call("POST", "/projects", { body: { name: id, repository: "acme/x" } });
    expect(answer).toMatchObject({ status: 409, body: { code: "already-exists" } });
  });

  it("that are deleted take what is under way with them", async () => {
    const { call, platform } = setUp();
    const { id: deploymentId } = platform.deployment({ state: "building" });
    platform.deployment({ id: second, number: 2, state: "healthy" });
    await call("DELETE", "/projects/app");
    const args = { deploymentId, attempt: 1, reason: "cancelled" };
    expect(platform.started).toEqual([{ workflow: "cancel", args }]);
  });
});

describe("an Idempotency-Key", () => {
  const headers = { "idempotency-key": "k1" };

  it("makes a repeated request answer what the first one did", async () => {
    const { call, platform } = setUp();
    const first = await call("POST", "/projects/app/deployments", { body: {}, headers });
    const again = await call("POST", "/projects/app/deployments", { body: {}, headers });
    expect(first.status).toBe(202);
    expect(again).toMatchObject({ status: first.status, body: first.body });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    const project = await platform.projects.findBySlug("app");
    expect(project?.value.nextNumber).toBe(2);
  });

  it("is refused with another request", async () => {
    const { call } = setUp();
    await call("POST", "/projects/app/deployments", { body: {}, headers });
    const other = await call("POST", "/projects/app/deployments", { body: { ref: "x" }, headers });
    expect(other).toMatchObject({ status: 422, body: { code: "idempotency-mismatch" } });
  });

  it("of one person says nothing about another's", async () => {
    const { call, platform } = setUp();
    const other = { uid: "bob", teamIds: ["team"], scopes: ["deploy"] } as const;
    platform.people.set("bobs-token", other);
    const body = {};
    const one = await call("POST", "/projects/app/deployments", { body, headers });
    const two = await call("POST", "/projects/app/deployments", {
      body,
      headers,
      key: "bobs-token",
    });
    expect(two.body["id"]).not.toBe(one.body["id"]);
  });

  it("of a refused request can be used again for the corrected one", async () => {
    const { call } = setUp();
    const wrong = await call("POST", "/projects", { body: { name: "x" }, headers });
    expect(wrong.status).toBe(400);
    expect(await call("POST", "/projects", { body: NEW_PROJECT, headers })).toMatchObject({
      status: 201,
    });
  });

  it.each(["", "x".repeat(201)])("of %j is refused", async (key) => {
    const { call } = setUp();
    const options = { body: NEW_PROJECT, headers: { "idempotency-key": key } };
    expect((await call("POST", "/projects", options)).status).toBe(400);
  });

  it("does not lift the cap on the body", async () => {
    const { call } = setUp();
    const body = { name: "x".repeat(200_000) };
    const answer = await call("POST", "/projects", { body, headers });
    expect(answer).toMatchObject({ status: 413, body: { code: "body-too-large" } });
  });
});

describe("deployments", () => {
  it("of a ref that exists are created and answered with their address", async () => {
    const { call } = setUp();
    const answer = await call("POST", "/projects/app/deployments", { body: { ref: "topic" } });
    expect(answer).toMatchObject({ status: 202, body: { state: "queued", branch: "topic" } });
    expect(answer.headers.get("location")).toBe(`/api/v1/deployments/${String(answer.body["id"])}`);
  });

  it("of a ref that does not exist are refused", async () => {
    const { call } = setUp();
    const answer = await call("POST", "/projects/app/deployments", { body: { ref: "no-such" } });
    expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  it("are listed page by page, newest first", async () => {
    const { call } = setUp();
    for (let count = 0; count < 3; count++) {
      await call("POST", "/projects/app/deployments", { body: {} });
    }
    const first = await call("GET", "/projects/app/deployments?limit=2");
    const items = first.body["items"] as { number: number }[];
    expect(items.map((item) => item.number)).toEqual([3, 2]);
    const cursor = String(first.body["nextCursor"]);
    const last = await call("GET", `/projects/app/deployments?limit=2&cursor=${cursor}`);
    expect(last.body).toMatchObject({ items: [{ number: 1 }], nextCursor: null });
  });

  it.each([
    ["cancel", "queued", 202],
    ["cancel", "running", 202],
    ["cancel", "healthy", 409],
    ["cancel", "failed", 409],
    ["retry", "failed", 202],
    ["retry", "queued", 409],
    ["retry", "building", 409],
    ["retry", "healthy", 409],
  ] as const)("%s of one that is %s answers %i", async (action, state, status) => {
    const { call, platform } = setUp();
    const { id } = platform.deployment({ state });
    const answer = await call("POST", `/deployments/${id}/${action}`, { body: {} });
    expect(answer.status).toBe(status);
    expect(platform.started).toHaveLength(status === 202 ? 1 : 0);
  });

  it("say how long they are watched, once their deploy.toml was read", async () => {
    const { call, platform } = setUp();
    const deployment = platform.deployment({ state: "healthy" });
    const shown = async () => (await call("GET", `/deployments/${deployment.id}`)).body;
    expect(await shown()).toMatchObject({ number: 1, watch: null });
    await platform.snapshot(deployment, `${DEPLOY_TOML}[health]\nwatch = "90s"\n`);
    expect(await shown()).toMatchObject({ number: 1, watch: "90s" });
    await platform.deployments.writeNote(deployment.id, "snapshot/config", { config: "?" });
    expect(await shown()).toMatchObject({ number: 1, watch: null });
  });

  it("that are healthy are not cancelled, and say what is done instead, by their number", async () => {
    const { call, platform } = setUp();
    const { id } = platform.deployment({ state: "healthy", number: 3 });
    const { body } = await call("POST", `/deployments/${id}/cancel`, { body: {} });
    expect(body).toMatchObject({ code: "illegal-move", facts: { from: "healthy", to: "failed" } });
    expect(body["detail"]).toMatch(/^deployment 3 is healthy, .* on its way .*`bifrost rollback`$/);
  });

  it("that cannot be retried say what they may become instead", async () => {
    const { call, platform } = setUp();
    const { id } = platform.deployment({ state: "building" });
    const { body } = await call("POST", `/deployments/${id}/retry`, { body: {} });
    expect(body).toMatchObject({
      code: "illegal-move",
      facts: { from: "building", to: "queued", allowed: ["built", "failed"] },
    });
  });
});

async function twoReleases(changes: Partial<Deployment> = {}) {
  const { call, platform } = setUp();
  const kept = { imageDigest, configHash: "c1", state: "healthy" as const };
  const old = platform.deployment({ ...kept, ...changes });
  const live = platform.deployment({ ...kept, id: second, number: 2, configHash: "c2" });
  platform.project({ liveDeploymentId: live.id, liveNumber: 2, nextNumber: 3 });
  return { call, platform, old, live };
}

describe("a rollback", () => {
  it("goes back to the release before the live one", async () => {
    const { call, old } = await twoReleases();
    const answer = await call("POST", "/projects/app/rollbacks", { body: {} });
    expect(answer).toMatchObject({
      status: 202,
      body: { number: 3, trigger: "rollback", rollbackOf: old.id },
    });
  });

  it("goes back to the same image when nothing different was healthy before", async () => {
    const { call, old } = await twoReleases({ configHash: "c2" });
    const answer = await call("POST", "/projects/app/rollbacks", { body: {} });
    expect(answer.body).toMatchObject({ rollbackOf: old.id });
  });

  it.each([1, "1", "depaaaaaaaaaaa"])("goes back to the release named %j", async (to) => {
    const { call, old } = await twoReleases();
    const answer = await call("POST", "/projects/app/rollbacks", { body: { to } });
    expect(answer.body).toMatchObject({ rollbackOf: old.id });
  });

  it.each<[string, Partial<Deployment>, object, object]>([
    ["to a number nobody has", {}, { to: 9 }, { status: 404, body: { code: "not-found" } }],
    [
      "to a release that was never built",
      { imageDigest: null },
      { to: 1 },
      { status: 409, body: { code: "no-image" } },
    ],
    ["when the release before failed", { state: "failed" }, {}, { status: 404 }],
    ["to half a number", {}, { to: 1.5 }, { status: 400 }],
  ])("is refused %s", async (_, changes, body, expected) => {
    const { call } = await twoReleases(changes);
    expect(await call("POST", "/projects/app/rollbacks", { body })).toMatchObject(expected);
  });
});

describe("the stream of a deployment", () => {
  it("sends each event in a frame of its own and stops listening when the reader leaves", async () => {
    const { service, platform } = setUp();
    const deployment = platform.deployment();
    const answer = await service(
      new Request(`http://api.test/v1/deployments/${deployment.id}/stream`, {
        headers: { authorization: `Bearer ${KEY}` },
      }),
    );
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const chunk = {
      id: "1",
      stream: "build" as const,
      step: "s",
      lines: ["two\nlines"],
      at: new Date(0),
    };
    platform.feed?.emit({ kind: "deployment", deployment });
    platform.feed?.emit({ kind: "log", chunk });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("event: log\n") || !text.endsWith("\n\n")) {
      text += (await reader?.read())?.value ?? "";
    }
    const frames = text.split("\n\n").filter((frame) => frame.startsWith("event: "));
    expect(frames.map((frame) => frame.split("\n").length)).toEqual([2, 2]);
    const data = frames.map((frame) => JSON.parse(frame.split("\ndata: ")[1] ?? "") as unknown);
    expect(data).toMatchObject([
      { kind: "deployment", deployment: { id: deployment.id, state: "queued" } },
      { kind: "log", log: { lines: ["two\nlines"] } },
    ]);
    await reader?.cancel();
    expect(platform.feed?.stopped).toBe(true);
  });
});

describe("what is not part of the API", () => {
  it.each([
    ["GET", "/nothing"],
    ["PUT", "/projects/app"],
  ])("is answered with a problem: %s %s", async (method, path) => {
    const { call } = setUp();
    expect(await call(method, path)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  it("like a defect, is a problem that tells nothing of the inside", async () => {
    const { platform } = setUp();
    const projects = Object.assign(Object.create(platform.projects) as typeof platform.projects, {
      list: () => Promise.reject(new Error("password=hunter2")),
    });
    const answer = await apiService({ ...platform.ports, projects })(
      new Request("http://api.test/v1/projects", { headers: { authorization: `Bearer ${KEY}` } }),
    );
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("hunter2");
  });
});

describe("validate", () => {
  it("tells every error of a deploy.toml, or that there is none", async () => {
    const { call } = setUp();
    const source = '[app]\nname = "app"\nruntime = "node"\n';
    const wrong = await call("POST", "/validate", { body: { source: "[app]\nname = 1\n" } });
    expect(wrong.body).toMatchObject({ valid: false, rendered: expect.stringContaining("name") });
    const right = await call("POST", "/validate", { body: { source } });
    expect([right.status, typeof right.body["valid"]]).toEqual([200, "boolean"]);
  });
});

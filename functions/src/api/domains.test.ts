import type { DomainView } from "@bifrost/shared/api/routes";
import type { ProjectId } from "@bifrost/shared/domain/ids";
import type { Project } from "@bifrost/shared/domain/project";
import { describe, expect, it } from "vitest";
import { readFunctionConfig } from "../config.ts";
import { TEST_ENVIRONMENT } from "../testing/test-environment.ts";
import { testApi } from "../testing/test-api.ts";
import { TestPlatform } from "../testing/test-platform.ts";

const DOMAIN = "shop.example";
const RECORD = `_bifrost.${DOMAIN}`;

/** Team `team` has `app`, team `others` has `theirs`. */
function setUp() {
  const api = testApi();
  api.platform.project({
    id: "proccccccccccc" as ProjectId,
    slug: "theirs" as Project["slug"],
    repository: "local/theirs" as Project["repository"],
    teamId: "others",
  });
  const add = (project: string, by: string, domain = DOMAIN) =>
    api.call<DomainView>("POST", `/projects/${project}/domains`, { by, body: { domain } });
  const verify = (project: string, by: string, domain = DOMAIN) =>
    api.call<DomainView>("POST", `/projects/${project}/domains/${domain}/verify`, { by, body: {} });
  return { ...api, add, verify };
}

describe("a custom domain", () => {
  it("is served once the TXT record is there", async () => {
    const { platform, call, add, verify } = setUp();
    const added = await add("app", "ada", "SHOP.example.");
    expect(added).toMatchObject({
      status: 201,
      body: { domain: DOMAIN, verifiedAt: null, record: { type: "TXT", name: RECORD } },
    });
    expect(platform.routes.hosts()).toEqual([]);
    expect(await verify("app", "ada")).toMatchObject({
      status: 409,
      body: { code: "not-ready", detail: expect.stringContaining("no such record") },
    });
    platform.records.set(RECORD, ["v=spf1 -all", added.body.record.value]);
    expect((await verify("app", "ada")).body.verifiedAt).not.toBeNull();
    expect((await platform.routes.read(DOMAIN))?.value.projectId).toBe("proaaaaaaaaaaa");
    const route = await call("PUT", `/projects/app/routes/${DOMAIN}`, {
      body: { redirect: { to: "https://app.apps.test", keepsPath: true } },
    });
    expect(route).toMatchObject({ status: 200, body: { kind: "custom" } });
    expect((await verify("app", "ada")).status).toBe(200);
    expect((await call("GET", "/projects/app/domains")).body["items"]).toHaveLength(1);
  });

  it("keeps its record when it is added again", async () => {
    const { add } = setUp();
    const first = await add("app", "ada");
    const again = await add("app", "ada");
    expect([again.status, again.body]).toEqual([200, first.body]);
  });

  it("is given up with its route", async () => {
    const { platform, call, add, verify } = setUp();
    platform.records.set(RECORD, [(await add("app", "ada")).body.record.value]);
    await verify("app", "ada");
    const refused = await call("DELETE", `/projects/app/routes/${DOMAIN}`);
    expect(refused).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining("bifrost domains remove") },
    });
    expect((await call("DELETE", `/projects/app/domains/${DOMAIN}`)).status).toBe(200);
    expect(platform.routes.hosts()).toEqual([]);
    expect((await verify("app", "ada")).status).toBe(404);
  });

  it("goes with its project, as do all its hosts", async () => {
    const { platform, call, add, verify } = setUp();
    platform.records.set(RECORD, [(await add("app", "ada")).body.record.value]);
    await verify("app", "ada");
    await call("PUT", "/projects/app/routes/new--app.apps.test", { body: {} });
    expect(platform.routes.hosts()).toHaveLength(2);
    await call("DELETE", "/projects/app");
    expect(platform.routes.hosts()).toEqual([]);
    expect(await platform.domains.list("proaaaaaaaaaaa" as ProjectId)).toEqual([]);
  });
});

describe("somebody else's domain", () => {
  it("is not had by claiming it, nor by the owner's record, nor by a record elsewhere", async () => {
    const { platform, add, verify } = setUp();
    const owner = await add("app", "ada");
    const stranger = await add("theirs", "eve");
    expect(stranger.status).toBe(201);
    expect(stranger.body.record.value).not.toBe(owner.body.record.value);
    platform.records.set(RECORD, [owner.body.record.value]);
    platform.records.set(DOMAIN, [stranger.body.record.value]);
    platform.records.set(`_bifrost.www.${DOMAIN}`, [stranger.body.record.value]);
    expect((await verify("theirs", "eve")).status).toBe(409);
    expect(platform.routes.hosts()).toEqual([]);
    expect((await verify("app", "ada")).status).toBe(200);
  });

  it("stays theirs while they have it, even for one who controls the DNS as well", async () => {
    const { platform, call, add, verify } = setUp();
    const values = [await add("app", "ada"), await add("theirs", "eve")].map(
      ({ body }) => body.record.value,
    );
    platform.records.set(RECORD, values);
    await verify("app", "ada");
    expect(await verify("theirs", "eve")).toMatchObject({
      status: 409,
      body: { code: "already-exists" },
    });
    expect((await platform.routes.read(DOMAIN))?.value.projectId).toBe("proaaaaaaaaaaa");
    const take = await call("PUT", `/projects/theirs/routes/${DOMAIN}`, { by: "eve", body: {} });
    expect(take.status).toBe(404);
    const drop = await call("DELETE", `/projects/theirs/domains/${DOMAIN}`, { by: "eve" });
    expect(drop.status).toBe(200);
    expect(platform.routes.hosts()).toEqual([DOMAIN]);
  });

  it.each([
    "apps.test",
    "app.apps.test",
    "APPS.test.:8080",
    "*.shop.example",
    "127.0.0.1",
    "[::1]",
  ])("or nobody's cannot be added: %s", async (domain) => {
    const { add } = setUp();
    expect(await add("app", "ada", domain)).toMatchObject({
      status: 400,
      body: { code: "bad-request" },
    });
  });

  it.each([
    ["GET", "/projects/app/domains", undefined],
    ["POST", "/projects/app/domains", { domain: DOMAIN }],
    ["POST", `/projects/app/domains/${DOMAIN}/verify`, {}],
    ["DELETE", `/projects/app/domains/${DOMAIN}`, undefined],
  ])("cannot be managed by another team: %s %s", async (method, path, body) => {
    const { call, add } = setUp();
    await add("app", "ada");
    expect((await call(method, path, { by: "eve", body })).status).toBe(404);
    const reading = await call(method, path, { by: "rob", body });
    expect(reading.status).toBe(method === "GET" ? 200 : 403);
  });
});

describe("without verification", () => {
  const off = { ...TEST_ENVIRONMENT, BIFROST_DOMAIN_VERIFICATION: "off" };

  it("a domain is believed", async () => {
    const platform = new TestPlatform();
    const config = readFunctionConfig(off);
    const { call } = testApi(Object.assign(platform, { ports: { ...platform.ports, config } }));
    await call("POST", "/projects/app/domains", { body: { domain: DOMAIN } });
    const answer = await call("POST", `/projects/app/domains/${DOMAIN}/verify`, { body: {} });
    expect(answer.status).toBe(200);
    expect(platform.routes.hosts()).toEqual([DOMAIN]);
  });

  it("a function does not start on Cloud Run", () => {
    expect(() => readFunctionConfig({ ...off, K_SERVICE: "api" })).toThrow(
      /BIFROST_DOMAIN_VERIFICATION=off must not be set on Cloud Run/,
    );
    expect(readFunctionConfig({ ...TEST_ENVIRONMENT, K_SERVICE: "api" }).domainVerification).toBe(
      "dns",
    );
  });
});

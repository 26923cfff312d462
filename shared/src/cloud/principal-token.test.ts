import { hastyTimers } from "../testing/hasty-timers.ts";
import { describe, expect, it } from "vitest";
import { MetadataIdentity } from "./metadata-identity.ts";
import { principalToken } from "./principal-token.ts";

const HOUR_MS = 3_600_000;

function setUp(answers: { status?: number } = {}) {
  const clock = hastyTimers();
  const calls: string[] = [];
  let issued = 0;
  const fake = async (url: string | URL | Request): Promise<Response> => {
    const target = new URL(url instanceof Request ? url.url : url);
    calls.push(target.pathname);
    await Promise.resolve();
    if (answers.status !== undefined) return new Response("secret words", answers);
    if (target.pathname === "/issue-principal") return Response.json({ customToken: "c" });
    issued++;
    return Response.json({ idToken: `token-${issued}`, expiresIn: "3600" });
  };
  const token = principalToken({
    issuerUrl: "http://functions.test/issue-principal",
    identityToolkitUrl: "http://identity.test",
    apiKey: "api-key",
    identity: { idToken: async () => "identity" },
    clock,
    fetch: fake,
  });
  return { clock, calls, token, answers };
}

describe("the principal's token", () => {
  it("is fetched once for many concurrent callers, and kept", async () => {
    const { token, calls } = setUp();
    const all = await Promise.all([token(), token(), token()]);
    expect([...all, await token()]).toEqual(Array.from({ length: 4 }, () => "token-1"));
    expect(calls).toHaveLength(2);
  });

  it("is renewed once, five minutes before it ends", async () => {
    const { token, clock, calls } = setUp();
    await token();
    clock.pass(HOUR_MS - 5 * 60_000 - 1);
    expect(await token()).toBe("token-1");
    clock.pass(1);
    expect(await Promise.all([token(), token()])).toEqual(["token-2", "token-2"]);
    expect(calls).toHaveLength(4);
  });

  it.each([
    [403, "upstream-refused"],
    [503, "upstream-unavailable"],
  ])(
    "refused with %i is an error without secrets, and tried again next time",
    async (status, code) => {
      const { token, answers } = setUp({ status });
      const error = await token().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code });
      expect(JSON.stringify(error) + String(error)).not.toMatch(/api-key|secret words/);
      delete answers.status;
      expect(await token()).toBe("token-1");
    },
  );
});

const identity = (status = 200) => {
  const clock = hastyTimers();
  let count = 0;
  const fake = async () => new Response(`token-${++count}`, { status });
  const baseUrl = "http://metadata.test";
  return { clock, of: new MetadataIdentity({ baseUrl, clock, fetch: fake }) };
};

describe("the metadata server's identity", () => {
  it("is kept for each audience for fifty minutes", async () => {
    const { clock, of } = identity();
    expect(await of.idToken("a")).toBe("token-1");
    expect(await of.idToken("b")).toBe("token-2");
    clock.pass(50 * 60_000 - 1);
    expect(await of.idToken("a")).toBe("token-1");
    clock.pass(1);
    expect(await of.idToken("a")).toBe("token-3");
  });

  it("that cannot be had is an outage", async () => {
    const { of } = identity(404);
    await expect(of.idToken("a")).rejects.toMatchObject({ code: "upstream-unavailable" });
  });
});

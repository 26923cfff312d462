import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { issuePrincipalService } from "./handler.ts";

function ask(token: string | null, body = "{}"): Promise<Response> {
  const { ports } = new TestPlatform();
  const audience = "http://functions.test/issue-principal";
  const service = issuePrincipalService(ports, {
    verifier: ports.callers,
    audience,
    allowed: null,
  });
  const headers = new Headers(token === null ? {} : { authorization: token });
  return service(new Request(audience, { method: "POST", headers, body }));
}

describe("issue-principal", () => {
  it("gives a service the token of its own principal", async () => {
    const answer = await ask("Bearer token-of-validate");
    expect(await answer.json()).toEqual({ customToken: "custom-token-of-validate" });
  });

  it("gives it no other's, whatever it asks for", async () => {
    const answer = await ask("Bearer token-of-validate", '{"service":"api","svc":"api"}');
    expect(await answer.json()).toEqual({ customToken: "custom-token-of-validate" });
  });

  it.each([null, "", "Bearer ", "Bearer forged", "token-of-validate", "Basic token-of-validate"])(
    "gives nothing for the header %j",
    async (header) => {
      await expect(ask(header)).rejects.toMatchObject({ code: "unauthenticated" });
    },
  );
});

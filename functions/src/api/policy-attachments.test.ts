import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import type { Person } from "@bifrost/shared/ports/team-directory";
import { expect, test } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { findPolicy } from "./find-policy.ts";
import { requireAttachable } from "./policy-attachments.ts";

const { ports } = new TestPlatform();
const PERSON: Person = { uid: "ada", teamIds: ["team"], scopes: ["read", "deploy"] };

function attach(
  attachments: readonly PolicyAttachment[],
  before: readonly PolicyAttachment[] = [],
) {
  return requireAttachable(ports, attachments, { teamId: "team", before });
}

test.each<[string, PolicyAttachment["config"], RegExp]>([
  [
    "standard/rate-limit",
    { key: "ip" },
    /unknown setting key: there are burst, by.*`bifrost policies show standard\/rate-limit`/,
  ],
  ["standard/rate-limit", { rate: "x" }, /setting rate must be a number, not "x"/],
  ["standard/rate-limit", { rate: 0 }, /setting rate must be at least 0.001, not 0/],
  ["standard/rate-limit", { by: "cookie" }, /setting name is missing/],
  ["standard/ip-allow", { allow: ["10.0.0.0/33"] }, /setting allow must be an address or a CIDR/],
  ["standard/cors", {}, /setting origins is missing/],
  ["standard/headers", { request_set: ["Host: a"] }, /header of the gateway's own, not "Host: a"/],
])("%s is not attached with %j", async (policy, config, detail) => {
  const attachment = { policy, config };
  const good = { policy: "standard/maintenance", config: {} };
  await expect(attach([good, attachment])).rejects.toMatchObject({
    code: "bad-request",
    message: expect.stringMatching(detail) as string,
  });
  // What is attached already hinders nobody from changing the rest.
  await expect(attach([attachment, good], [attachment])).resolves.toBeUndefined();
});

test("what comes with the platform has no versions, and that is said", async () => {
  await expect(findPolicy(ports, PERSON, "standard/cors")).rejects.toMatchObject({
    code: "bad-request",
    message: expect.stringContaining("comes with the platform") as string,
  });
  await expect(findPolicy(ports, PERSON, "standard/no")).rejects.toMatchObject({
    code: "not-found",
  });
});

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MetadataIdentity } from "./metadata-identity.ts";

const REUSE_MS = 50 * 60_000;

let server: Server;
let now: number;
/** Audiences, in the order in which they were asked for. */
let asked: string[];
let status: number;
/** Of the tokens, in seconds; null = they do not say. */
let expiresAt: number | null;
let identity: MetadataIdentity;

beforeEach(async () => {
  [now, asked, status, expiresAt] = [0, [], 200, null];
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://metadata");
    const audience = url.searchParams.get("audience") ?? "";
    asked.push(audience);
    const token = `token ${asked.length} for ${audience}`;
    const claims = Buffer.from(JSON.stringify({ exp: expiresAt })).toString("base64url");
    response.writeHead(status).end(expiresAt === null ? token : `head.${claims}.${token}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  identity = new MetadataIdentity({ baseUrl, clock: { now: () => now } });
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

function ask(...audiences: readonly string[]): Promise<string[]> {
  return Promise.all(audiences.map((audience) => identity.idToken(audience)));
}

test("who asks for the same audience at the same time shares one request, and each audience has its own", async () => {
  const tokens = await ask("a", "a", "b", "a");
  expect(asked.toSorted()).toEqual(["a", "b"]);
  expect(new Set(tokens)).toEqual(new Set([tokens[0], tokens[2]]));
  expect(tokens[2]).toMatch(/for b$/);
});

test.each([
  ["just before it is too old", REUSE_MS - 1, 1],
  ["when it is", REUSE_MS, 2],
])("a token is asked for again %s: %i ms later there were %i requests", async (_, ms, requests) => {
  await ask("a");
  now += ms;
  await ask("a", "a");
  expect(asked).toHaveLength(requests);
});

test.each([
  ["just before the last five minutes", 20 * 60, 15 * 60_000 - 1, 1],
  ["not in them", 20 * 60, 15 * 60_000, 2],
  ["not for longer than another", 24 * 3600, REUSE_MS, 2],
])("a token that says its end is reused: %s", async (_, exp, ms, requests) => {
  expiresAt = exp;
  await ask("a");
  now += ms;
  await ask("a");
  expect(asked).toHaveLength(requests);
});

describe("when the metadata server gives none", () => {
  test("all who wait are told, and the next one asks again", async () => {
    status = 503;
    const outcomes = await Promise.allSettled([identity.idToken("a"), identity.idToken("a")]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
    await expect(identity.idToken("a")).rejects.toMatchObject({ code: "upstream-unavailable" });
    expect(asked).toEqual(["a", "a"]);
    status = 200;
    expect(await ask("a")).toEqual(["token 3 for a"]);
  });
});

import { connect as connectHttp2 } from "node:http2";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EDGE_LIMITS } from "./edge-limits.ts";
import type { RunningFirestore } from "../index.ts";
import { clientFor, ROOT, startTestFirestore, until } from "../testing/firestore-fixture.ts";
import { openRaw, writeRaw } from "../testing/raw-socket.ts";
import { bearing, nameOf, rawClient } from "../testing/transports.ts";
import { servesOthersDuring } from "../testing/well-behaved.ts";

const MIB = 1024 * 1024;
const DATABASE = ROOT.slice(0, -"/documents".length);
let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore();
});
afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  readonly error: string | undefined;
}

async function post(path: string, body: string, token = "owner"): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body,
  });
  const { error } = (await response.json()) as { readonly error?: { readonly status: string } };
  return { status: response.status, error: error?.status };
}

async function json(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}${path}`, {
    method: "POST",
    headers: { authorization: "Bearer owner" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const OK = { status: 200, error: undefined };
const INVALID = { status: 400, error: "INVALID_ARGUMENT" };

const empty = (bytes: number): string => `{"writes":[]${" ".repeat(bytes - 13)}}`;
const value = (depth: number): string =>
  `${'{"arrayValue":{"values":['.repeat(depth)}{"nullValue":null}${"]}}".repeat(depth)}`;
const map = (depth: number): string =>
  `${'{"mapValue":{"fields":{"a":'.repeat(depth)}{"nullValue":null}${"}}}".repeat(depth)}`;
const write = (text: string): string =>
  `{"writes":[{"update":{"name":"${ROOT}/deep/a","fields":{"v":${text}}}}]}`;

describe("a body over REST", () => {
  test("may have 10 MiB and not a byte more", async () => {
    expect(await post(":commit", empty(10 * MIB))).toEqual(OK);
    expect(await post(":commit", empty(10 * MIB + 1))).toEqual(INVALID);
  });

  test.each([
    ["that says how large it is", "Content-Length: 1099511627776\r\n\r\n", " ".repeat(MIB)],
    ["that never ends", "Transfer-Encoding: chunked\r\n\r\n", `100000\r\n${" ".repeat(MIB)}\r\n`],
  ])("%s is refused before it is sent", async (_name, header, chunk) => {
    const attacker = await openRaw(
      server.port,
      `POST /v1/${ROOT}:commit HTTP/1.1\r\nHost: localhost\r\n${header}`,
    );
    let sent = 0;
    const attack = async (): Promise<string> => {
      for (; sent < 1_000 && !attacker.socket.destroyed; sent += 1) await writeRaw(attacker, chunk);
      return attacker.closed;
    };
    const answer = await servesOthersDuring(server, attack());
    expect(answer).toContain("HTTP/1.1 400");
    expect(answer).toContain("Request payload size exceeds the limit");
    expect(sent).toBeLessThan(1_000);
  });

  test.each([
    ["of the deepest maps there are", write(map(19)), OK],
    ["of maps that are too deep for a document", write(map(25)), INVALID],
    ["of maps that are too deep to read", write(map(30_000)), INVALID],
    ["of lists that are too deep to read", write(value(30_000)), INVALID],
    ["of 100,000 opening brackets", "[".repeat(100_000), INVALID],
    ["of 100,000 nested lists", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, INVALID],
    ["of 100,000 nested objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`, INVALID],
    ["with brackets in its texts", write(`{"stringValue":"\\"${"[{".repeat(5_000)}"}`), OK],
  ])("%s is taken or refused, and nothing breaks", async (_name, body, answer) => {
    expect(await post(":commit", body)).toEqual(answer);
  });
});

test("a long URL and large headers are refused", async () => {
  expect(await post(`/items?documentId=${"x".repeat(17_000)}`, "{}")).toEqual(INVALID);
  const attacker = await openRaw(server.port, `GET / HTTP/1.1\r\nX: ${"x".repeat(70_000)}\r\n\r\n`);
  expect(await attacker.closed).toContain("431");
});

test("a connection may have 1,000 calls: Google's client puts all its listeners on one", async () => {
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const [settings] = (await once(session, "remoteSettings")) as [{ maxConcurrentStreams: number }];
  expect(settings.maxConcurrentStreams).toBe(EDGE_LIMITS.maxCallsPerConnection);
  session.destroy();
  const client = clientFor(server);
  const seen = new Set<number>();
  const ends = Array.from({ length: 150 }, (_, index) =>
    client.doc(`many/${index}`).onSnapshot(() => seen.add(index)),
  );
  await until(() => seen.size === 150, "all listeners have heard");
  await client.doc("many/0").set({ n: 1 });
  for (const end of ends) end();
  await client.terminate();
});

const begin = (token: string): Promise<Answer> => post(":beginTransaction", "{}", token);

test("a caller may have 500 transactions open, and others have theirs", async () => {
  const answers = await Promise.all(Array.from({ length: 505 }, () => begin("user-eve")));
  const refused = answers.filter((answer) => answer.error === "RESOURCE_EXHAUSTED");
  expect([answers.length - refused.length, refused.length]).toEqual([500, 5]);
  expect(await begin("user-ada")).toEqual(OK);
});

test("a write stream that runs far ahead of its answers is ended", async () => {
  const client = rawClient(server.port);
  // A transaction holds the document, so that the writes wait.
  const { transaction } = await json(":beginTransaction", {});
  const documents = [`${ROOT}/held/a`];
  await json(":batchGet", { documents, transaction });
  const call = client.Write(bearing("Bearer owner"));
  const end = new Promise<string>((resolve) => {
    call.on("error", (error: Error & { code?: number }) => resolve(nameOf(error)));
    call.on("end", () => resolve("OK"));
  });
  call.resume();
  call.write({ database: DATABASE });
  for (let n = 0; n < 200; n += 1) call.write({ writes: [{ delete: documents[0] }] });
  expect(await end).toBe("RESOURCE_EXHAUSTED");
  client.close();
  await json(":rollback", { transaction });
});

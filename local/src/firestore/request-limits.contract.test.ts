import { gzipSync } from "node:zlib";
import { connect as connectHttp2, constants } from "node:http2";
import { once } from "node:events";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EDGE_LIMITS } from "./edge-limits.ts";
import type { RunningFirestore } from "./index.ts";
import { clientFor, ROOT, startTestFirestore, until } from "./testing/firestore-fixture.ts";
import { openRaw, writeRaw } from "./testing/raw-socket.ts";
import { bearing, nameOf, rawClient } from "./testing/transports.ts";
import { servesOthersDuring } from "./testing/well-behaved.ts";

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

describe("a body over REST", () => {
  test("may have 10 MiB and not a byte more", async () => {
    const body = (bytes: number): string => `{"writes":[]${" ".repeat(bytes - 13)}}`;
    expect(await post(":commit", body(10 * MIB))).toEqual(OK);
    expect(await post(":commit", body(10 * MIB + 1))).toEqual(INVALID);
  });

  test.each([
    ["that says how large it is", "Content-Length: 1099511627776\r\n\r\n", ""],
    ["that never ends", "Transfer-Encoding: chunked\r\n\r\n", `100000\r\n${" ".repeat(MIB)}\r\n`],
  ])("%s is refused before it is sent", async (_name, header, chunk) => {
    const attacker = await openRaw(
      server.port,
      `POST /v1/${ROOT}:commit HTTP/1.1\r\nHost: localhost\r\n${header}`,
    );
    let sent = 0;
    const attack = async (): Promise<string> => {
      while (chunk !== "" && !attacker.socket.destroyed && sent < 1_000) {
        sent += 1;
        await writeRaw(attacker, chunk);
      }
      return attacker.closed;
    };
    const answer = await servesOthersDuring(server, attack());
    expect(answer).toContain("HTTP/1.1 400");
    expect(answer).toContain("Request payload size exceeds the limit");
    expect(sent).toBeLessThan(1_000);
  });

  const value = (depth: number): string =>
    `${'{"arrayValue":{"values":['.repeat(depth)}{"nullValue":null}${"]}}".repeat(depth)}`;
  const map = (depth: number): string =>
    `${'{"mapValue":{"fields":{"a":'.repeat(depth)}{"nullValue":null}${"}}}".repeat(depth)}`;
  const write = (text: string): string =>
    `{"writes":[{"update":{"name":"${ROOT}/deep/a","fields":{"v":${text}}}}]}`;
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

describe("a message over gRPC", () => {
  const path = "/google.firestore.v1.Firestore/Commit";

  /** Sends bytes as they are; answers the status. */
  async function call(message: Buffer, encoding?: string): Promise<string> {
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      authorization: "Bearer owner",
      ...(encoding === undefined ? {} : { "grpc-encoding": encoding }),
    });
    stream.on("error", () => undefined);
    const head = Buffer.alloc(5);
    head.writeUInt8(encoding === undefined ? 0 : 1);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    const code = await new Promise<string>((resolve) => {
      const look = (headers: Record<string, unknown>): void => {
        if (headers["grpc-status"] !== undefined) resolve(String(headers["grpc-status"]));
      };
      stream.on("response", look);
      stream.on("trailers", look);
      // A client that is still sending is told so by the reset; Google's clients read it as the same status.
      stream.on("close", () => {
        if (stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM)
          resolve(String(status.RESOURCE_EXHAUSTED));
      });
      stream.resume();
    });
    session.destroy();
    return nameOf({ code: Number(code) });
  }

  /** A field of that number that holds the bytes; varint lengths as protobuf has them. */
  function field(number: number, length: number): Buffer {
    const bytes = [(number << 3) | 2];
    let rest = length;
    for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
    return Buffer.from([...bytes, rest]);
  }

  /** Commit.writes(2).update(1).fields(2).value(2), then Value.array_value(9).values(1) again and again. */
  function nested(levels: number): Buffer {
    const numbers = [2, 1, 2, 2, ...Array.from({ length: levels }, () => [9, 1]).flat()];
    const parts: Buffer[] = [];
    let length = 0;
    for (const number of numbers.toReversed()) {
      const head = field(number, length);
      parts.push(head);
      length += head.length;
    }
    return Buffer.concat(parts.toReversed());
  }

  test("may have 10 MiB, packed or not", async () => {
    expect(await call(Buffer.alloc(10 * MIB + 1))).toBe("RESOURCE_EXHAUSTED");
    expect(await call(gzipSync(Buffer.alloc(200 * MIB)), "gzip")).toBe("RESOURCE_EXHAUSTED");
  });

  test.each([25, 1_000, 100_000])("nested %i deep is refused", async (levels) => {
    expect(["INVALID_ARGUMENT", "INTERNAL"]).toContain(await call(nested(levels)));
    await servesOthersDuring(server, Promise.resolve(), 1);
  });
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

test("a caller may have 500 transactions open, and others have theirs", async () => {
  const begin = (token: string): Promise<Answer> => post(":beginTransaction", "{}", token);
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

describe("a request addressed to", () => {
  test.each([
    ["127.0.0.1", 200],
    ["127.0.0.1:8080", 200],
    ["localhost:1", 200],
    ["LOCALHOST", 200],
    ["demo.localhost:3000", 200],
    ["[::1]:80", 200],
    ["evil.example", 403],
    ["localhost.evil.com", 403],
    ["127.0.0.1.evil.com", 403],
    ["evil-localhost", 403],
    ["notlocalhost:80", 403],
    ["127.0.0.1@evil.com", 403],
    ["0.0.0.0", 403],
    ["", 403],
  ])("%j is answered with %i", async (host, code) => {
    const request = await openRaw(
      server.port,
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    expect(await request.closed).toContain(`HTTP/1.1 ${code}`);
  });
});

describe("a page from", () => {
  test.each([
    ["http://localhost:3000", true],
    ["https://demo.localhost", true],
    ["http://127.0.0.1:5173", true],
    ["https://evil.example", false],
    ["null", false],
    ["http://localhost.evil.com", false],
    ["http://127.0.0.1.evil.com", false],
    ["http://evil.com/localhost", false],
    ["http://localhost@evil.com", false],
    ["http://evil.com#localhost", false],
    ["http://evillocalhost", false],
    ["file://", false],
  ])("%s may call: %s", async (origin, isAllowed) => {
    for (const method of ["OPTIONS", "GET", "POST"]) {
      const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}:commit`, {
        method,
        headers: { origin, authorization: "Bearer owner" },
      });
      await response.body?.cancel();
      const allowed = response.headers.get("access-control-allow-origin");
      expect(allowed, method).toBe(isAllowed ? origin : null);
      expect(response.headers.get("access-control-allow-origin")).not.toBe("*");
    }
  });
});

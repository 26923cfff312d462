import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { messageOf } from "@bifrost/shared/domain/errors";
import { parseBody, RequestBodies } from "./rest-body.ts";
import { openRaw } from "../testing/raw-socket.ts";

const bodies = new RequestBodies(1_000);
const server = createServer((request, response) => {
  bodies.read(request).then(
    (body) => response.end(`read ${body.length}`),
    (error: unknown) => response.end(messageOf(error)),
  );
});
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const head = (bytes: number): string =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`;

test("when all bodies together are too much, the one that is being read longest has to go", async () => {
  const { port } = server.address() as AddressInfo;
  const asked = new Promise((resolve) => server.once("request", resolve));
  const slow = await openRaw(port, head(900), "x".repeat(600));
  await asked;
  const quick = await openRaw(port, head(500), "x".repeat(500));
  expect(await quick.closed).toContain("read 500");
  expect(await slow.closed).toContain("Too much is being sent at once");
  const next = await openRaw(port, head(900), "x".repeat(900));
  expect(await next.closed).toContain("read 900");
});

test("a body that is no JSON is not quoted", () => {
  expect(() => parseBody(Buffer.from("{ secret"))).toThrow(/^The body is not valid JSON\.$/);
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore } from "../testing/firestore-fixture.ts";
import { openRaw } from "../testing/raw-socket.ts";

let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore();
});
afterAll(() => server.stop());

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
      expect({ method, allowed }).toEqual({ method, allowed: isAllowed ? origin : null });
    }
  });
});

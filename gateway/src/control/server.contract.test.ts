/** Clients of the control API that are slow, or many. */
import { Hono } from "hono";
import { afterEach, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { eventually, rawClient, type RawClient } from "../testing/test-gateway.ts";
import { startControl, type ControlOptions, type RunningControl } from "./server.ts";

let control: RunningControl;
let held: RawClient[] = [];

afterEach(async () => {
  for (const { socket } of held) socket.destroy();
  held = [];
  await control.stop(0);
});

async function start(limits: ControlOptions["limits"] = {}): Promise<void> {
  const app = new Hono();
  app.get("/", (c) => c.text("ok"));
  app.post("/", async (c) => c.text(await c.req.text()));
  control = await startControl({
    host: "127.0.0.1",
    port: 0,
    routers: [{ path: "/", app }],
    timers: systemTimers,
    log: silentLogger,
    limits: { connectionsCheckingInterval: 20, ...limits },
  });
}

async function client(): Promise<RawClient> {
  const made = await rawClient(control.port);
  held.push(made);
  return made;
}

const answers = async () => (await fetch(`http://127.0.0.1:${control.port}/`)).status;

test.each([
  ["half a head", "POST / HTTP/1.1\r\nHost: x\r\nX-Slow"],
  ["half a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"],
  ["half a chunk", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"],
])("one that sends %s and no more is closed", async (_what, sent) => {
  await start({ headersTimeout: 100, requestTimeout: 100 });
  const slow = await client();
  slow.send(sent);
  expect(await slow.closed()).toMatch(/^HTTP\/1.1 408 /);
  expect(await answers()).toBe(200);
});

test.each([
  ["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400],
  ["a head without end", `GET / HTTP/1.1\r\nX: ${"x".repeat(9000)}`, 431],
])("one that sends %s is refused", async (_what, sent, status) => {
  await start();
  const hostile = await client();
  hostile.send(sent);
  expect(await hostile.closed()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(await answers()).toBe(200);
});

test("one more than there may be is closed and counted", async () => {
  await start({ connections: 2 });
  await client();
  await client();
  await (await client()).closed();
  expect(control.refusedConnections()).toBe(1);
});

test("a request under way is answered before the end", async () => {
  await start();
  const slow = await client();
  slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
  await eventually("it is begun", () => slow.socket.bytesWritten > 50);
  expect(await answers()).toBe(200);
  const stopped = control.stop(5000);
  slow.send("world");
  expect(await slow.closed()).toContain("helloworld");
  await stopped;
});

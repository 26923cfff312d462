/** A WebSocket client and a server of the ws package, with the gateway between them. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GET, HOST, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;
let server: Server;
let sockets: WebSocketServer;

beforeEach(async () => {
  rig = await ProxyRig.start();
  server = createServer((_request, response) => response.end("plain"));
  sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on("connection", (socket: WebSocket) => {
    socket.on("message", (data: Buffer, isBinary: boolean) =>
      socket.send(isBinary ? data : data.toString()),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  rig.serve({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => undefined,
  });
});

afterEach(async () => {
  await rig.stop();
  sockets.close();
  server.close();
  server.closeAllConnections();
});

async function open(): Promise<WebSocket> {
  const url = `ws://127.0.0.1:${rig.running.gateway.port}/echo`;
  const socket = new WebSocket(url, ["chat"], { headers: { host: HOST } });
  await once(socket, "open");
  return socket;
}

async function echo(socket: WebSocket, data: string | Buffer): Promise<string | Buffer> {
  socket.send(data);
  const [received, isBinary] = (await once(socket, "message")) as [Buffer, boolean];
  return isBinary ? received : received.toString();
}

test("text and bytes of all sizes come back, with the protocol and the compression agreed on", async () => {
  const socket = await open();
  expect([socket.protocol, socket.extensions]).toEqual([
    "chat",
    expect.stringContaining("deflate"),
  ]);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
    const bytes = randomBytes(size);
    expect(bytes.equals((await echo(socket, bytes)) as Buffer)).toBe(true);
  }
  expect(await echo(socket, "h\u00e9llo \u{1f30d}")).toBe("h\u00e9llo \u{1f30d}");
  socket.terminate();
});

test("pings are answered, and a close is told to the other side with its code and reason", async () => {
  const closed: unknown[] = [];
  sockets.on("connection", (socket: WebSocket) =>
    socket.on("close", (code: number, reason: Buffer) => closed.push(code, reason.toString())),
  );
  const socket = await open();
  socket.ping("are you there");
  expect(String(((await once(socket, "pong")) as unknown[])[0])).toBe("are you there");
  socket.close(4001, "enough");
  expect(((await once(socket, "close")) as unknown[])[0]).toBe(4001);
  await eventually("the server was told", () => closed.length > 0);
  expect(closed).toEqual([4001, "enough"]);
  await eventually("nothing is left", () => rig.listener.clients() === 0);
  expect(rig.listener.pool.sizes().size).toBe(0);
});

test("100 sockets at once do not mix, and plain requests go on beside them", async () => {
  const all = await Promise.all(Array.from({ length: 100 }, open));
  const answers = await Promise.all(all.map((socket, i) => echo(socket, `message ${i}`)));
  expect(answers).toEqual(all.map((_socket, i) => `message ${i}`));
  const c = await rig.client();
  c.send(GET);
  await c.until((text) => text.endsWith("plain"));
  c.socket.destroy();
  for (const socket of all) socket.terminate();
  await eventually("no client is left", () => rig.listener.clients() === 0);
});

test("a replica that goes away closes the client's socket at once", async () => {
  const socket = await open();
  const closed = once(socket, "close") as Promise<unknown[]>;
  server.closeAllConnections();
  for (const one of sockets.clients) one.terminate();
  expect((await closed)[0]).toBe(1006);
});

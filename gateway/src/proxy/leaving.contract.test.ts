/** Clients that go away, in each phase: nothing goes on for them. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;

beforeEach(async () => {
  rig = await ProxyRig.start();
});

afterEach(() => rig.stop());

const CLIENTS = 50;
const UPLOAD = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000\r\n\r\nx`;
const CHUNKS = `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab`;
const UPGRADE = `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n`;
const PART = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nx";
const STREAM =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n";
const SWITCHED = "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";

test.each(
  [
    ["while they wait", GET, ""],
    ["in an upload", UPLOAD, ""],
    ["in a chunk", CHUNKS, ""],
    ["in an upload that is answered already", UPLOAD, PART],
    ["in a download", GET, PART],
    ["in a stream of events", GET, STREAM],
    ["in a tunnel", UPGRADE, SWITCHED],
  ].flatMap(([phase = "", request = "", answer = ""]) =>
    (["close", "reset"] as const).map((how) => ({ phase, request, answer, how })),
  ),
)(
  "50 clients that $how $phase leave no connection to the replica",
  async ({ request, answer, how }) => {
    let open = 0;
    let asked = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        open++;
        socket.once("data", () => (asked++, socket.write(answer)));
        socket.on("end", () => socket.end());
        socket.on("close", () => open--);
      }),
    );
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => rig.client()));
    for (const c of clients) c.send(request);
    await Promise.all(clients.map((c) => c.until((text) => text.endsWith(answer.slice(-1)))));
    await eventually("the replica has all requests", () => asked === CLIENTS);
    for (const { socket } of clients) {
      if (how === "close") socket.end();
      else socket.resetAndDestroy();
    }
    await eventually("all are closed", () => open === 0);
    await eventually("no client is left", () => rig.listener.clients() === 0);
    expect(rig.listener.pool.sizes().size).toBe(0);
  },
);

test("a client that leaves while a connection is opened leaves none, and others are served", async () => {
  const replica = await rig.httpReplica((_request, response) => response.end("served"));
  rig.serve(replica);
  for (let i = 0; i < 20; i++) {
    const c = await rig.client();
    c.socket.write(GET, () => c.socket.resetAndDestroy());
  }
  const c = await rig.client();
  c.send(GET);
  await c.until((text) => text.endsWith("served"));
  c.socket.destroy();
  await eventually("no client is left", () => rig.listener.clients() === 0);
  const [idle = 0] = rig.listener.pool.sizes().values();
  expect(rig.listener.pool.busy(replica.address)).toBe(0);
  expect(idle).toBeLessThanOrEqual(21);
});

test("a tunnel is half-closed by either side without loss", async () => {
  rig.serve(
    await rig.rawReplica((socket) => {
      socket.once("data", () => {
        socket.end(`${SWITCHED}first and last words`);
        let heard = "";
        socket.on("data", (data) => (heard += data.toString()));
        socket.on("end", () => received.push(heard));
      });
    }),
  );
  const received: string[] = [];
  const c = await rig.client();
  let isEnded = false;
  c.socket.allowHalfOpen = true;
  c.socket.on("end", () => (isEnded = true));
  c.send(UPGRADE);
  await c.until((text) => text.endsWith("last words"));
  await eventually("the end came through", () => isEnded);
  const long = "y".repeat(1_000_000);
  c.socket.end(long);
  await eventually("the replica heard all", () => received.length === 1);
  expect(received).toEqual([long]);
  await eventually("nothing is left", () => rig.listener.clients() === 0);
  expect(rig.listener.pool.sizes().size).toBe(0);
});

test("a client that ends its side after a complete request is taken to be gone", async () => {
  let isClosed = false;
  rig.serve(
    await rig.rawReplica((socket) => {
      socket.on("close", () => (isClosed = true)).on("end", () => socket.end());
      socket.resume();
    }),
  );
  const c = await rig.client();
  c.socket.end(GET);
  expect(await c.closed()).toBe("");
  await eventually("the replica saw the close", () => isClosed);
});

test("a replica that closes after its answer costs the next request nothing", async () => {
  rig.serve(await rig.rawReplica((socket) => void socket.on("data", () => socket.end(OK))));
  const c = await rig.client();
  for (let i = 1; i <= 20; i++) {
    c.send(GET);
    await c.until((text) => text.split("\r\n\r\nok").length === i + 1);
  }
});

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readIntoOne } from "./read-into-one.ts";

const WITHIN = { timeout: 5000, interval: 2 };
const server = createServer({ allowHalfOpen: true });
const accepted: Socket[] = [];
const sent: Socket[] = [];

beforeEach(async () => {
  server.on("connection", (socket: Socket) => accepted.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  for (const socket of [...accepted.splice(0), ...sent.splice(0)]) socket.destroy();
  server.removeAllListeners("connection").close();
  await once(server, "close");
});

/** Both ends of a connection, the client's first. */
async function connection(): Promise<[client: Socket, socket: Socket]> {
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  sent.push(client);
  await vi.waitFor(() => expect(accepted).toHaveLength(sent.length), WITHIN);
  const socket = accepted.at(-1);
  if (socket === undefined) throw new Error("unreachable");
  return [client, socket];
}

test("what clients send arrives in one memory, so this Node is made as it is taken to be", async () => {
  const memories = new Set<ArrayBufferLike>();
  const texts: string[] = [];
  for (const text of ["one", "two"]) {
    const [client, socket] = await connection();
    readIntoOne(socket, (data) => {
      memories.add(data.buffer);
      texts.push(data.toString());
    });
    client.write(text);
    await vi.waitFor(() => expect(texts.at(-1)).toBe(text), WITHIN);
  }
  expect(memories.size).toBe(1);
});

test("nothing arrives while the socket is paused, all of it afterwards, and then the end", async () => {
  const [client, socket] = await connection();
  const large = Buffer.alloc(512 * 1024, "x");
  let bytes = 0;
  let hasEnded = false;
  socket.once("end", () => (hasEnded = true));
  readIntoOne(socket, (data) => {
    bytes += data.length;
    socket.pause();
  });
  client.end(large);
  await vi.waitFor(() => expect(bytes).toBeGreaterThan(0), WITHIN);
  const before = bytes;
  // Another connection's whole way: time in which a socket that is read would have been.
  const [other, otherSocket] = await connection();
  const arrived = once(otherSocket, "data");
  other.write("x");
  await arrived;
  expect(bytes).toBe(before);
  expect(hasEnded).toBe(false);
  while (bytes < large.length) {
    const seen = bytes;
    socket.resume();
    await vi.waitFor(() => expect(bytes).toBeGreaterThan(seen), WITHIN);
  }
  socket.resume();
  await vi.waitFor(() => expect(hasEnded).toBe(true), WITHIN);
  expect(bytes).toBe(large.length);
});

test("a socket that cannot be read so is read through its events", async () => {
  const [client, socket] = await connection();
  Reflect.set(Reflect.get(socket, "_handle") as object, "useUserBuffer", undefined);
  const arrived = new Promise((resolve) => {
    readIntoOne(socket, (data) => resolve(data.toString()));
  });
  client.write("hello");
  await expect(arrived).resolves.toBe("hello");
});

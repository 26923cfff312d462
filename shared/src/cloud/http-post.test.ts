import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { httpPost, postThrough } from "./http-post.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function serve(listener: RequestListener): Promise<{ url: string; connections: () => number }> {
  let count = 0;
  const server = createServer(listener).on("connection", () => (count += 1));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}/`, connections: () => count });
    });
  });
}

const ask = { headers: { "x-name": "a" }, body: '{"text":"grün"}', timeoutMs: 5_000 };

test("body and headers arrive, the answer comes back whole, the connection is used again", async () => {
  const { url, connections } = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.statusCode = 409;
      response.write(`${request.method} ${String(request.headers["x-name"])} `);
      setImmediate(() => response.end(Buffer.concat(chunks)));
    });
  });
  const post = httpPost();
  for (let turn = 0; turn < 3; turn++) {
    expect(await post(url, ask)).toEqual({ status: 409, text: `POST a ${ask.body}` });
  }
  expect(connections()).toBe(1);
});

test.each<[string, RequestListener]>([
  ["that never answers", () => {}],
  ["that stops in the middle", (_request, response) => void response.write("half")],
  ["that hangs up", (request) => request.socket.destroy()],
  [
    "that hangs up in the middle",
    (request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => request.socket.destroy());
    },
  ],
])("a server %s is an error", async (_name, listener) => {
  const { url } = await serve(listener);
  await expect(httpPost()(url, { ...ask, timeoutMs: 200 })).rejects.toBeInstanceOf(Error);
});

test("a fetch of the caller's choice is asked the same", async () => {
  const { url } = await serve((request, response) => void request.pipe(response));
  expect(await postThrough(fetch)(url, ask)).toEqual({ status: 200, text: ask.body });
});

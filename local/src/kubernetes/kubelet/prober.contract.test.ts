import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { attempt } from "./prober.ts";

/** Listens, and answers as told; resolves with its port. */
async function serve(answer: (response: ServerResponse) => void): Promise<number> {
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const probe = { httpGet: { path: "/", port: 80 }, timeoutSeconds: 1 };

describe("an HTTP probe", () => {
  it.each([
    [200, "success"],
    [500, "failure"],
  ])("of an answer %i without end is a %s, and reads little of it", async (status, kind) => {
    const part = Buffer.alloc(1 << 20);
    let sent = 0;
    let closed: Promise<unknown> | undefined;
    const port = await serve((response) => {
      closed = once(response, "close");
      response.writeHead(status);
      const send = (): void => {
        do sent += part.length;
        while (response.write(part) && !response.destroyed);
      };
      response.on("drain", send);
      send();
    });
    expect(await attempt(probe, { port: () => port })).toMatchObject({ kind });
    await closed;
    expect(sent).toBeLessThan(100 * part.length);
  });

  it("of an answer that never ends lets go of it at the timeout", async () => {
    let closed: Promise<unknown> | undefined;
    const port = await serve((response) => {
      closed = once(response, "close");
      response.writeHead(200);
      response.write("part");
    });
    expect(await attempt(probe, { port: () => port })).toEqual({ kind: "success" });
    await closed;
  });
});

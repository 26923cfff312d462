import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { answering, GET, HOST, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;

beforeEach(async () => {
  rig = await ProxyRig.start();
});

afterEach(() => rig.stop());

async function page(send = GET): Promise<string> {
  const c = await rig.client();
  c.send(send);
  return c.until((text) => /\r\n\r\n.*[}>]\s*$/s.test(text));
}

describe("failing replicas", () => {
  test("a refused connection goes to the next replica before anything is lost", async () => {
    const good = await rig.httpReplica((request, response) => {
      request.resume().on("end", () => response.end("good"));
    });
    const gone = await rig.httpReplica(() => undefined);
    gone.close();
    rig.serve(gone, good);
    for (let i = 0; i < 4; i++) {
      const c = await rig.client();
      c.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 3\r\n\r\nabc`);
      expect(await c.until((text) => text.includes("good"))).toContain("200 OK");
    }
    expect(rig.listener.metrics.retried).toBeGreaterThan(0);
  });

  test("a connection found closed is replaced once for a request that may be repeated", async () => {
    let connections = 0;
    rig.serve(
      await rig.rawReplica((socket) => {
        connections++;
        let requests = 0;
        socket.on("data", () => {
          if (++requests === 1) socket.write(OK);
          else socket.destroy();
        });
      }),
    );
    const c = await rig.client();
    c.send(GET);
    await c.until((text) => text.endsWith("ok"));
    c.send(GET);
    await c.until((text) => text.split("\r\n\r\nok").length === 3);
    expect(connections).toBe(2);
  });

  test.each([
    ["closes without an answer", (socket: Socket) => void socket.once("data", () => socket.end())],
    ["resets", (socket: Socket) => void socket.once("data", () => socket.resetAndDestroy())],
    ["speaks another protocol", (socket: Socket) => void socket.write("SSH-2.0-x\r\n\r\n")],
    ["sends a giant head", answering(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}\r\n\r\n`)],
    [
      "names two lengths",
      answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ],
  ])("a replica that %s gives 502", async (_name, behave) => {
    rig.serve(await rig.rawReplica(behave));
    expect(await page()).toMatch(/^HTTP\/1\.1 502 .*"code":"upstream-failed"/s);
  });

  test("a response that breaks off is visibly broken", async () => {
    rig.serve(
      await rig.rawReplica((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", () =>
            socket.destroy(),
          );
        });
      }),
    );
    const c = await rig.client();
    c.send(GET);
    expect(await c.closed()).toMatch(/half$/);
    expect(rig.listener.metrics.broken).toBe(1);
  });

  test("connections to one replica are limited, and the answer says so", async () => {
    await rig.restart({ upstreams: { perAddress: 1 } });
    rig.serve(await rig.rawReplica((socket) => void socket.resume()));
    const first = await rig.client();
    first.send(GET);
    await eventually("the first is connected", () => rig.listener.pool.sizes().size === 1);
    expect(await page()).toMatch(/^HTTP\/1\.1 503 .*\r\nretry-after: 1\r\n.*"code":"overloaded"/s);
  });
});

describe("pages", () => {
  test.each([
    ["an unknown host", "nobody.test.local", "404 Not Found", "unknown-host"],
    ["a project never live", "empty.test.local", "503 Service Unavailable", "no-release"],
    ["a release without a replica", "down.test.local", "503 Service Unavailable", "no-backend"],
  ])("%s gets its own page, as JSON or HTML", async (_name, host, status, code) => {
    rig.running.setRoutes(
      { "empty.test.local": { projectId: "new" }, "down.test.local": { projectId: "down" } },
      { down: "lost" },
    );
    const c = await rig.client();
    c.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n\r\n`);
    const json = await c.until((text) => text.includes("}"));
    expect(json).toContain(`HTTP/1.1 ${status}`);
    expect(json).toContain(`"code":"${code}"`);
    expect(json).toMatch(/x-bifrost-request-id: \S+/);
    c.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html,*/*\r\n\r\n`);
    expect(await c.until((text) => text.includes("</html>"))).toContain("text/html");
  });

  test("before the first tables arrived nobody is told that a host does not exist", async () => {
    await rig.restart({ isSilent: true });
    expect(await page()).toMatch(/^HTTP\/1\.1 503 .*"code":"starting"/s);
    const control = `http://127.0.0.1:${rig.running.gateway.controlPort}`;
    expect((await fetch(`${control}/ready`)).status).toBe(503);
  });
});

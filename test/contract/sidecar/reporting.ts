/** How samples reach the collector, and what becomes of them while it is away, rude or slow. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, type TestContext } from "vitest";
import { until } from "../../support/until.ts";
import { type Rig, serve } from "./rig.ts";
import { answer, forwardTo, hang, type Manners, OK, reset } from "./servers.ts";

export function reporting(rig: Rig): void {
  const controlPort = () => rig.gateway().gateway.controlPort;

  test.for<[string, Manners]>([
    ["hangs", hang],
    ["resets", reset],
    ["answers garbage", answer("\0\u0001garbage\r\n\r\n")],
    ["answers half a head", answer("HTTP/1.1 20")],
    [
      "fails in chunks",
      answer("HTTP/1.1 503 Away\r\nTransfer-Encoding: chunked\r\n\r\n4\r\naway\r\n0\r\n\r\n", {
        keepOpen: true,
      }),
    ],
    ["promises more than it sends", answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok")],
    [
      "refuses the token",
      answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", { keepOpen: true }),
    ],
  ])(
    "brings every sample to a collector that %s and then recovers",
    async ([, manners], context) => {
      const target = await serve(context, OK);
      const between = await serveBetween(context, manners);
      const running = rig.sidecar(context, {
        PROBE_PORT: `${target.port}`,
        PROBE_INTERVAL_MS: "200",
        COLLECTOR_PORT: `${between.server.port}`,
      });
      await until(() => between.server.accepted > 0 && target.accepted > 3, { everyMs: 10 });
      expect(running.replica()).toBeUndefined();
      await between.recover();
      const { seq, healthy } = await running.known("later samples", (replica) => replica.seq > 4);
      expect(healthy).toBe(true);
      expect(between.firstMissing()).toBeGreaterThan(seq);
    },
  );

  test("takes an answer in chunks for what its status says", async (context) => {
    const collector = createServer(
      (request, response) => void passOn(controlPort(), request, response),
    );
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    context.onTestFinished(() => {
      collector.close();
      collector.closeAllConnections();
    });
    const target = await serve(context, OK);
    const { port } = collector.address() as AddressInfo;
    const changes = { PROBE_PORT: `${target.port}`, COLLECTOR_PORT: `${port}` };
    const running = rig.sidecar(context, changes);
    await running.known("ten samples", ({ seq }) => seq >= 10);
    expect(running.told).toBe("");
  });

  test("says once what the collector answers, and goes on probing", async (context) => {
    const target = await serve(context, OK);
    const changes = { PROBE_PORT: `${target.port}`, COLLECTOR_TOKEN: "wrong" };
    const running = rig.sidecar(context, changes);
    await until(() => running.told !== "" && target.accepted > 20, { everyMs: 10 });
    expect(running.told).toBe("bifrost-sidecar: the collector answers 401\n");
    expect(running.replica()).toBeUndefined();
  });

  test("reports over IPv6", async (context) => {
    const target = await serve(context, OK);
    const { server, through } = await serveBetween(context, hang, "::1");
    server.manners = through;
    const running = rig.sidecar(context, {
      PROBE_PORT: `${target.port}`,
      COLLECTOR_HOST: "::1",
      COLLECTOR_PORT: `${server.port}`,
    });
    await running.known("a healthy app", (replica) => replica.healthy);
  });

  test("sends everything and ends with 0 after SIGTERM, as soon as the collector is there", async (context) => {
    const target = await serve(context, OK);
    const { server, through, firstMissing } = await serveBetween(context, hang);
    server.manners = through;
    await server.shut();
    const running = rig.sidecar(context, {
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${server.port}`,
    });
    await until(() => target.accepted > 10, { everyMs: 10 });
    await server.reopen();
    // One more may be under way.
    const probes = target.accepted - 1;
    running.signal("SIGTERM");
    expect(await running.exit).toBe(0);
    expect(firstMissing()).toBeGreaterThan(probes);
    expect(running.replica()?.seq).toBe(firstMissing() - 1);
  });

  test("ends with 0 after SIGTERM within its grace, though the collector hangs", async (context) => {
    const target = await serve(context, OK);
    const nobody = await serve(context, hang);
    const changes = { PROBE_PORT: `${target.port}`, COLLECTOR_PORT: `${nobody.port}` };
    const running = rig.sidecar(context, changes);
    await until(() => nobody.accepted > 0 && target.accepted > 3, { everyMs: 10 });
    const told = Date.now();
    running.signal("SIGTERM");
    expect(await running.exit).toBe(0);
    // Two seconds, on a machine that may be busy.
    expect(Date.now() - told).toBeLessThan(5000);
  });

  /** A server before the collector: the gateway hears what it lets through. */
  async function serveBetween(context: TestContext, manners: Manners, host?: string) {
    const seqs = new Set<number>();
    const server = await serve(context, manners, host);
    const through = forwardTo(controlPort(), (text) => {
      for (const [, seq] of text.matchAll(/"seq":(\d+)/g)) seqs.add(Number(seq));
    });
    return {
      server,
      through,
      async recover(): Promise<void> {
        await server.shut();
        server.manners = through;
        await server.reopen();
      },
      /** The first sample it did not see. */
      firstMissing: (): number => {
        let seq = 1;
        while (seqs.has(seq)) seq += 1;
        return seq;
      },
    };
  }
}

/** Hands a report to the collector and answers in chunks. */
async function passOn(port: number, request: IncomingMessage, response: ServerResponse) {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part as string;
  const { authorization = "" } = request.headers;
  const url = `http://127.0.0.1:${port}${request.url}`;
  const taken = await fetch(url, { method: "POST", body, headers: { authorization } });
  response.writeHead(taken.ok ? 200 : 500);
  response.write("taken ");
  response.end("over");
}

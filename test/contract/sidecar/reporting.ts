/** How samples reach the collector, and what becomes of them while it is away, rude or slow. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Rig, serve } from "./rig.ts";
import { forwardTo, hang, OK } from "./servers.ts";
import type { Transport } from "./transports.ts";

export function reporting(rig: Rig, transport: Transport): void {
  const { changes } = transport;
  const collectorPort = () => transport.portOf(rig.gateway());

  test.for(transport.rudeness)(
    "brings every sample to a collector that %s and then recovers",
    async ([, manners], context) => {
      const target = await serve(context, OK);
      const collector = await serve(context, manners);
      const running = rig.sidecar(context, {
        ...changes,
        PROBE_PORT: `${target.port}`,
        PROBE_INTERVAL_MS: "200",
        COLLECTOR_PORT: `${collector.port}`,
      });
      await until(() => collector.accepted > 0 && target.accepted > 3, { everyMs: 10 });
      expect(running.replica()).toBeUndefined();
      await collector.shut();
      collector.manners = forwardTo(collectorPort());
      await collector.reopen();
      const { seq, healthy } = await running.known("later samples", (replica) => replica.seq > 4);
      expect(healthy).toBe(true);
      await until(() => running.firstMissing() > seq, { what: `all samples up to ${seq}` });
    },
  );

  test("says once what the collector answers, and goes on probing", async (context) => {
    const target = await serve(context, OK);
    const running = rig.sidecar(context, {
      ...changes,
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${collectorPort()}`,
      COLLECTOR_TOKEN: "wrong",
    });
    await until(() => running.told !== "" && target.accepted > 20, { everyMs: 10 });
    expect(running.told).toBe(`bifrost-sidecar: ${transport.refusal}\n`);
    expect(running.replica()).toBeUndefined();
  });

  test("reaches a collector on IPv6", async (context) => {
    const target = await serve(context, OK);
    const collector = await serve(context, forwardTo(collectorPort()), "::1");
    const running = rig.sidecar(context, {
      ...changes,
      PROBE_PORT: `${target.port}`,
      COLLECTOR_HOST: "::1",
      COLLECTOR_PORT: `${collector.port}`,
    });
    await running.known("ten samples", ({ seq }) => seq >= 10);
    expect(collector.accepted).toBe(1);
  });

  test("sends everything after SIGTERM as soon as the collector is there, and ends with 0", async (context) => {
    const target = await serve(context, OK);
    const collector = await serve(context, forwardTo(collectorPort()));
    await collector.shut();
    const running = rig.sidecar(context, {
      ...changes,
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${collector.port}`,
    });
    await until(() => target.accepted > 10, { everyMs: 10 });
    await collector.reopen();
    // One more may be under way.
    const probes = target.accepted - 1;
    running.signal("SIGTERM");
    expect(await running.exit).toBe(0);
    await until(() => running.firstMissing() > probes, { what: `all samples up to ${probes}` });
  });

  test("ends with 0 after SIGTERM within its grace, though the collector hangs", async (context) => {
    const target = await serve(context, OK);
    const nobody = await serve(context, hang);
    const running = rig.sidecar(context, {
      ...changes,
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${nobody.port}`,
    });
    await until(() => nobody.accepted > 0 && target.accepted > 3, { everyMs: 10 });
    const told = Date.now();
    running.signal("SIGTERM");
    expect(await running.exit).toBe(0);
    // Two seconds, on a machine that may be busy.
    expect(Date.now() - told).toBeLessThan(5000);
  });
}

/** An answer whose length is not told takes a report over like any other. */
export function reportingInChunks(rig: Rig): void {
  test("takes an answer in chunks for what its status says", async (context) => {
    const collector = createServer((request, response) => {
      void passOn(rig.gateway().controlPort, request, response);
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    context.onTestFinished(() => {
      collector.close();
      collector.closeAllConnections();
    });
    const target = await serve(context, OK);
    const { port } = collector.address() as AddressInfo;
    const running = rig.sidecar(context, {
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${port}`,
    });
    await running.known("ten samples", ({ seq }) => seq >= 10);
    expect(running.told).toBe("");
  });
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

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterEach, expect, test, vi } from "vitest";
import { HOST, OK, ProxyRig, answering, GET } from "../testing/proxy-rig.ts";
import { sampleLine } from "../testing/sample-line.ts";
import { TEST_SECRET } from "../testing/test-gateway.ts";
import { buildPrograms } from "../testing/worker-program.ts";
import type { PolicyFault } from "../workers/policy-runtime.ts";
import { AlertProcess } from "./alert-process.ts";
import { Alerts } from "./alerts.ts";
import { Webhook } from "./webhook.ts";

const ID = "abcdefghij";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startReceiver() {
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      bodies.push(JSON.parse(body));
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

test("a report of a sidecar reaches a webhook, and a rule that hangs holds up neither reports nor traffic", async () => {
  const programs = await buildPrograms("alert-rules");
  cleanups.push(() => programs.remove());
  const { bodies, url } = await startReceiver();
  const base = { timers: systemTimers, log: silentLogger };
  const faults: PolicyFault[] = [];
  const child = new AlertProcess({
    ...base,
    program: { script: programs.script("alert-rules"), nodeArguments: [], environment: {} },
    onFault: (fault) => faults.push(fault),
    onLog: () => undefined,
    heldMs: 100,
  });
  const webhooks = new Map([["ops", new Webhook({ ...base, name: "ops", url, secret: null })]]);
  const alerts = new Alerts({ ...base, process: child, webhooks, repeatMs: 60_000 });
  const rules = {
    down: `if not healthy then alert("critical", "down", "ops") end`,
    stuck: `if not healthy then while true do end end`,
  };
  const standard = Object.entries(rules).map(
    ([name, source]) => ({ name, kind: "alert", version: 1, source }) as const,
  );
  const rig = await ProxyRig.start({ alerts, policies: { standard, stored: null } });
  cleanups.push(() => rig.stop());
  const app = await rig.rawReplica(answering(OK));
  rig.running.setBackends({ [ID]: [app.address] });
  rig.running.setRoutes({ [HOST]: { projectId: "project" } }, { project: ID });

  let seq = 0;
  const report = async () => {
    const line = sampleLine({ deployment: ID, seq: ++seq, healthy: false, fails: 3 });
    const { controlPort } = rig.running.gateway;
    const response = await fetch(`http://127.0.0.1:${controlPort}/v1/telemetry/${ID}`, {
      method: "POST",
      headers: { authorization: `Bearer ${telemetryToken(TEST_SECRET, ID)}` },
      body: `${JSON.stringify(line)}\n`,
    });
    expect(response.status).toBe(204);
  };
  await report();
  const client = await rig.client();
  let served = 0;
  await vi.waitFor(
    async () => {
      client.send(GET);
      served++;
      await client.until((text) => text.split("HTTP/1.1 200 OK").length === served + 1);
      expect(faults).toMatchObject([{ script: "stuck", kind: "stuck" }]);
    },
    { timeout: 20_000, interval: 10 },
  );
  await vi.waitFor(
    async () => {
      await report();
      expect(webhooks.get("ops")?.outcomes.delivered).toBe(1);
    },
    { timeout: 20_000 },
  );
  expect(bodies).toMatchObject([
    { state: "raised", severity: "critical", message: "down", deployment: ID, replica: "pod-1" },
  ]);
  const metrics = await (await rig.running.control("/metrics")).text();
  expect(metrics).toContain('bifrost_alerts_total{severity="critical"} 1');
  expect(metrics).toContain(
    'bifrost_alert_webhook_deliveries_total{webhook="ops",outcome="delivered"} 1',
  );
  expect(metrics).toContain("bifrost_alert_process_restarts_total 1");
});

import { expect, test } from "vitest";
import type { FakeServer } from "../testing/fake-connection.ts";
import type { StartCore } from "../testing/fake-host.ts";
import { lastingCollector } from "../testing/grpc-collector.ts";
import {
  answeringApp,
  APP_PORT,
  COLLECTOR_PORT,
  putProcess,
  removeProcess,
  scene,
} from "../testing/scene.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const APPS: readonly FakeServer[] = [
  answeringApp(() => 200),
  answeringApp(() => 503, "no database"),
  { onOpen: (connection) => connection.refuse() },
  { onOpen: (connection) => connection.accept() },
  { onOpen: (connection) => connection.accept(), onData: (connection) => connection.reset() },
];

const BAD_COLLECTORS: readonly FakeServer[] = [
  { onOpen: (connection) => connection.refuse() },
  { onOpen: (connection) => connection.accept() },
  { onOpen: (connection) => (connection.accept(), connection.reply("garbage\r\n\r\n")) },
  { onOpen: (connection) => (connection.accept(), connection.end()) },
];

export function enduranceContract(startCore: StartCore): void {
  test.each(["http", "grpc"])(
    "24 hours over %s, good and bad ones, take no more memory and no endless steps",
    (protocol) => {
      const { host, lines } = scene(
        answeringApp(() => 200),
        {
          COLLECTOR_PROTOCOL: protocol,
          PROBE_INTERVAL_MS: "10000",
          PROBE_TIMEOUT_MS: "2000",
          APP_PID_FILE: "/run/app.pid",
          LIVENESS_PORT: "8081",
        },
      );
      if (protocol === "grpc") host.servers.set(COLLECTOR_PORT, lastingCollector(lines));
      const up = host.servers.get(COLLECTOR_PORT) ?? {};
      const core = host.start(startCore);
      host.run(60_000);
      core.growth();
      let probes = 0;
      for (let hour = 0; hour < 24; hour++) {
        host.servers.set(APP_PORT, APPS[hour % APPS.length] ?? {});
        const bad = BAD_COLLECTORS[(hour >> 1) % BAD_COLLECTORS.length] ?? {};
        host.servers.set(COLLECTOR_PORT, hour % 2 === 0 ? bad : up);
        probes += host.opened.filter(({ port }) => port === APP_PORT).length;
        for (const { connection } of host.opened.splice(0)) connection.reset();
        putProcess(host, { pid: 40 + hour, start: hour }, { 40: [41 + hour] });
        host.files.set("/run/app.pid", String(40 + hour));
        const visitor = host.visit();
        visitor.reply("GET / HTTP/1.1\r\n\r\n");
        host.run((hour + 1) * HOUR);
        expect(visitor.received.toString()).toMatch(/ok$/);
        removeProcess(host, 40 + hour);
        lines.length = 0;
      }
      expect(core.growth()).toBe(0);
      expect(host.now).toBe(DAY);
      host.servers.set(COLLECTOR_PORT, up);
      host.run(DAY + 90_000);
      expect(lines.length).toBeGreaterThan(0);
      expect(probes).toBeGreaterThan(DAY / 10_000);
      // Connecting, sending, reading, and the same for the report.
      expect(host.steps).toBeLessThan(probes * 12);
      expect(host.openHandles()).toBeLessThanOrEqual(3);
    },
  );
}

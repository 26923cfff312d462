import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterEach, expect, test, vi } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import type { AlertNotice } from "./alert-book.ts";
import { Webhook } from "./webhook.ts";

const NOTICE: AlertNotice = {
  state: "raised",
  severity: "critical",
  message: "replica is unhealthy",
  to: "ops",
  rule: "unhealthy",
  at: Date.UTC(2026, 0, 2),
  values: {
    healthy: false,
    response_time_ms: null,
    cpu_percent: 12.5,
    memory_percent: null,
    memory_bytes: 1024,
    unhealthy_count: 3,
    deploy_id: "d1",
    project: "p1",
    replica: "r1",
  },
};

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

interface Delivery {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver that answers with these statuses, the last one again and again. */
async function receiver(...statuses: readonly number[]) {
  const deliveries: Delivery[] = [];
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const status = statuses[Math.min(deliveries.length, statuses.length - 1)] ?? 500;
      deliveries.push({ path: request.url, headers: request.headers, body });
      response.writeHead(status, status < 400 && status >= 300 ? { location: "/elsewhere" } : {});
      response.end("thanks");
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=t`;
  return { url, deliveries };
}

function webhook(url: string, secret: string | null = null) {
  const timers = virtualTimers();
  const made = new Webhook({ name: "ops", url, secret, timers, log: silentLogger });
  cleanups.push(() => made.stop());
  return { made, timers };
}

async function until(check: () => void, timers?: ReturnType<typeof virtualTimers>) {
  await vi.waitFor(
    async () => {
      await timers?.advance(1000);
      check();
    },
    { timeout: 20_000, interval: 10 },
  );
}

test("a notice arrives as JSON with a signature over time and body", async () => {
  const { url, deliveries } = await receiver(204);
  const { made, timers } = webhook(url, "a-secret-of-the-receiver");
  made.offer(NOTICE);
  await until(() => expect(made.outcomes.delivered).toBe(1));
  const [{ path, headers, body } = { path: "", headers: {}, body: "" }] = deliveries;
  expect(path).toBe("/hook?token=t");
  expect(JSON.parse(body)).toEqual({
    state: "raised",
    severity: "critical",
    message: "replica is unhealthy",
    rule: "unhealthy",
    deployment: "d1",
    project: "p1",
    replica: "r1",
    at: "2026-01-02T00:00:00.000Z",
    values: NOTICE.values,
  });
  const timestamp = String(Math.floor(timers.now() / 1000));
  expect(headers["x-bifrost-timestamp"]).toBe(timestamp);
  const mac = createHmac("sha256", "a-secret-of-the-receiver").update(`${timestamp}.${body}`);
  expect(headers["x-bifrost-signature"]).toBe(`sha256=${mac.digest("hex")}`);
});

test("without a secret there is no signature", async () => {
  const { url, deliveries } = await receiver(200);
  const { made } = webhook(url);
  made.offer(NOTICE);
  await until(() => expect(made.outcomes.delivered).toBe(1));
  expect(deliveries[0]?.headers).not.toHaveProperty("x-bifrost-signature");
});

test("a receiver that fails is tried again under the same id, until it takes the notice", async () => {
  const { url, deliveries } = await receiver(500, 503, 429, 200);
  const { made, timers } = webhook(url);
  made.offer(NOTICE);
  await until(() => expect(made.outcomes.delivered).toBe(1), timers);
  expect(made.outcomes).toEqual({ delivered: 1, failed: 0, dropped: 0, retried: 3 });
  const ids = new Set(deliveries.map(({ headers }) => headers["x-bifrost-delivery"]));
  expect(ids.size).toBe(1);
});

test.each([
  ["keeps failing", 500, 4],
  ["refuses", 400, 1],
  ["redirects, which is not followed", 302, 1],
])(
  "a receiver that %s loses the notice, and the next one has its turn",
  async (_, status, tries) => {
    const { url, deliveries } = await receiver(...Array<number>(tries).fill(status), 200);
    const { made, timers } = webhook(url);
    made.offer(NOTICE);
    made.offer({ ...NOTICE, message: "next" });
    await until(() => expect(made.outcomes.delivered).toBe(1), timers);
    expect(made.outcomes).toMatchObject({ failed: 1, retried: tries - 1 });
    expect(deliveries.every(({ path }) => path?.startsWith("/hook"))).toBe(true);
    expect(deliveries).toHaveLength(tries + 1);
  },
);

test("nobody listens: the queue is bounded, and the oldest go", async () => {
  const { url } = await receiver(200);
  cleanups.splice(0).forEach((cleanup) => cleanup());
  const { made } = webhook(url);
  for (let i = 0; i < 300; i++) made.offer(NOTICE);
  // One of them is on its way.
  expect(made.outcomes.dropped).toBe(300 - 1 - 256);
  made.stop();
  await systemTimers.sleep(0);
  expect(made.outcomes.delivered).toBe(0);
});

import { expect, test } from "vitest";
import type { FakeServer } from "../../testing/fake-connection.ts";
import type { FakeHost, StartCore } from "../../testing/fake-host.ts";
import {
  answer,
  answeringApp,
  APP_PORT,
  COLLECTOR_PORT,
  linesOf,
  scene,
  takingCollector,
} from "../../testing/scene.ts";

const healthy = answeringApp(() => 200);
const refusing: FakeServer = { onOpen: (connection) => connection.refuse() };
const silent: FakeServer = { onOpen: (connection) => connection.accept() };

const connects = (host: FakeHost) =>
  host.opened.filter(({ port }) => port === COLLECTOR_PORT).map(({ at }) => at);

/** Answers each whole request with these bytes. */
function answering(
  reply: (request: number) => string,
  end = false,
): FakeServer & { readonly requests: string[] } {
  const requests: string[] = [];
  return {
    requests,
    onOpen: (connection) => connection.accept(),
    onData(connection, received) {
      const request = received.toString("latin1");
      if (linesOf(request) === null) return;
      connection.received = Buffer.alloc(0);
      requests.push(request);
      connection.reply(reply(requests.length));
      if (end) connection.end();
    },
  };
}

const seqsOf = (requests: readonly string[]) =>
  requests.map((request) => linesOf(request)?.map(({ seq }) => seq));

export function reportingContract(startCore: StartCore): void {
  test("one connection carries all reports, each with the token", () => {
    const { host, lines, requests } = scene(healthy);
    host.start(startCore);
    host.run(60_000);
    expect(connects(host)).toEqual([0]);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_line, index) => index + 1));
    expect(requests[0]).toMatch(
      /^POST \/v1\/telemetry\/dep1 HTTP\/1\.1\r\nHost: 10\.0\.0\.1:9090\r\nAuthorization: Bearer token\r\nContent-Type: application\/x-ndjson\r\nContent-Length: \d+\r\n\r\n\{/,
    );
    expect(lines[0]).toEqual({
      deployment: "dep1",
      pod: "pod-1",
      boot: 1_000_000,
      seq: 1,
      at: 1_000_000,
      healthy: false,
      proven: false,
      verdictMs: 0,
      result: 1,
      status: 200,
      connected: true,
      connectMs: 0,
      latencyMs: 0,
      body: "",
      passes: 1,
      fails: 0,
      restarts: 0,
      intervalMs: 1000,
      procs: 0,
      cpuTicks: 0,
      cpuOverMs: 0,
      rssPages: 0,
      threads: 0,
      fds: 0,
      fdsDenied: 0,
      dropped: 0,
    });
  });

  test("the longest line there can be is whole", () => {
    const longest = {
      DEPLOYMENT_ID: "d".repeat(128),
      REPLICA: "r".repeat(253),
      COLLECTOR_TOKEN: "t".repeat(512),
      PROBE_PATH: `/${"p".repeat(511)}`,
    };
    const { host, lines } = scene(
      answeringApp(() => 500, '"'.repeat(200)),
      longest,
    );
    host.wallAtZero = Number.MAX_SAFE_INTEGER - 1000;
    host.start(startCore);
    host.run(500);
    expect(lines[0]).toMatchObject({ body: '"'.repeat(160), boot: Number.MAX_SAFE_INTEGER - 1000 });
    expect(lines).toHaveLength(6);
  });

  test("lines queued while the collector takes its time follow its answer in one batch", () => {
    const { host } = scene(healthy, { PROBE_INTERVAL_MS: "50" });
    const requests: string[] = [];
    host.servers.set(COLLECTOR_PORT, {
      onOpen: (connection) => connection.accept(),
      onData(connection, received) {
        if (linesOf(received.toString("latin1")) === null) return;
        requests.push(received.toString("latin1"));
        connection.received = Buffer.alloc(0);
        host.after(220, () => connection.reply(answer(204)));
      },
    });
    host.start(startCore);
    host.run(600);
    expect(seqsOf(requests)).toEqual([[1], [2, 3, 4, 5], [6, 7, 8, 9]]);
  });

  test("a request is finished in as many pieces as the connection takes", () => {
    const { host, lines } = scene(healthy);
    const taking = host.servers.get(COLLECTOR_PORT);
    host.servers.set(COLLECTOR_PORT, {
      ...taking,
      onOpen(connection) {
        connection.accept();
        connection.window = 7;
        const more = (): void => {
          connection.window = 7;
          host.after(5, more);
        };
        host.after(5, more);
      },
    });
    host.start(startCore);
    host.run(3000);
    expect(lines[0]).toMatchObject({ seq: 1 });
  });

  test("a collector that is down costs the oldest lines, which are counted, and nothing else", () => {
    const { host, lines } = scene(answeringApp(() => 500));
    const up = host.servers.get(COLLECTOR_PORT) ?? {};
    host.servers.set(COLLECTOR_PORT, refusing);
    host.start(startCore);
    host.run(20_000);
    expect(host.opened.filter(({ port }) => port === APP_PORT)).toHaveLength(201);
    host.servers.set(COLLECTOR_PORT, up);
    host.run(60_000);
    const seqs = lines.map(({ seq }) => Number(seq));
    const missing = (seqs[0] ?? 0) - 1;
    expect(seqs).toEqual(seqs.map((_seq, index) => missing + 1 + index));
    expect(missing).toBeGreaterThan(100);
    expect(lines.at(-1)?.["dropped"]).toBe(missing);
  });

  test("attempts start 100 ms apart and slow down to half a minute", () => {
    const { host } = scene(healthy);
    host.random = 1 - Number.EPSILON;
    host.servers.set(COLLECTOR_PORT, refusing);
    host.start(startCore);
    host.run(300_000);
    const at = connects(host);
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(gaps.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(Math.max(...gaps)).toBe(30_000);
    expect(gaps.at(-1)).toBe(30_000);
  });

  test("after a delivery the pauses grow from half a second, each time anew", () => {
    const { host } = scene(healthy);
    const up = host.servers.get(COLLECTOR_PORT) ?? {};
    const outage = (until: number): number[] => {
      const before = connects(host).length;
      host.servers.set(COLLECTOR_PORT, refusing);
      host.opened.findLast(({ port }) => port === COLLECTOR_PORT)?.connection.reset();
      host.run(until);
      const at = connects(host).slice(before);
      host.servers.set(COLLECTOR_PORT, up);
      return at.slice(1).map((time, index) => time - (at[index] ?? 0));
    };
    host.random = 1 - Number.EPSILON;
    host.start(startCore);
    host.run(2500);
    expect(outage(7500)).toEqual([1000, 2000]);
    host.run(20_500);
    expect(outage(25_500)).toEqual([1000, 2000]);
  });

  test("half of a pause is random", () => {
    const { host } = scene(healthy);
    host.random = 0;
    host.servers.set(COLLECTOR_PORT, refusing);
    host.start(startCore);
    host.run(1000);
    expect(connects(host)).toEqual([0, 50, 150, 350, 750]);
  });

  test.each([
    ["takes and never answers", silent],
    ["never accepts", {}],
    ["sends its answer byte by byte, for ever", answering(() => "")],
  ])("a collector that %s is given up after 5 s and its lines are sent again", (_what, server) => {
    const { host, lines } = scene(healthy);
    const up = host.servers.get(COLLECTOR_PORT) ?? {};
    host.servers.set(COLLECTOR_PORT, server);
    host.start(startCore);
    host.run(4990);
    expect(connects(host)).toHaveLength(1);
    host.servers.set(COLLECTOR_PORT, up);
    host.run(9000);
    expect(connects(host)).toEqual([0, 5100]);
    expect(lines[0]?.["seq"]).toBe(1);
  });

  test.each([401, 403, 429, 503])(
    "answered by %i it keeps the lines, waits and says so once",
    (refusal) => {
      let status = refusal;
      const { host, lines } = scene(healthy, {}, () => status);
      host.start(startCore);
      host.run(5000);
      expect(host.logs).toEqual([`the collector answers ${refusal}`]);
      expect(connects(host).length).toBeLessThan(10);
      status = 204;
      host.run(20_000);
      expect(lines[0]?.["seq"]).toBe(1);
      status = refusal;
      host.run(25_000);
      expect(host.logs).toHaveLength(2);
    },
  );

  test.each([400, 413, 422])("what is answered by %i is not sent again, and counted", (status) => {
    const { host, requests } = scene(healthy, {}, () => status);
    host.start(startCore);
    host.run(5000);
    expect(seqsOf(requests)).toEqual([[1], [2], [3], [4], [5], [6]]);
    expect(linesOf(requests[5] ?? "")?.[0]).toMatchObject({ dropped: 5 });
    expect(connects(host)).toHaveLength(1);
  });

  test.each([
    ["chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    ["without a length", "HTTP/1.1 200 OK\r\n\r\nwhatever"],
    ["with two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 3\r\n\r\n{}"],
    ["longer than anything it should say", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}"],
    ["that is the connection's last", "HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"],
    ["of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
    ["with something behind it", "HTTP/1.1 204 X\r\n\r\nHTTP/1.1 204 X\r\n\r\n"],
  ])("a reply %s counts, and the next batch has a connection of its own", (_what, reply) => {
    const { host } = scene(healthy);
    const server = answering(() => reply);
    host.servers.set(COLLECTOR_PORT, server);
    host.start(startCore);
    host.run(2200);
    expect(connects(host)).toEqual([0, 100, 1100, 2100]);
    expect(seqsOf(server.requests)).toEqual([[1], [2], [3], [4]]);
    expect(host.logs).toEqual([]);
  });

  test.each([
    ["garbage", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["a head without end", `HTTP/1.1 204 X\r\n${"x: y\r\n".repeat(1000)}`],
    ["nothing and closes", ""],
  ])("a collector that answers %s has failed", (_what, reply) => {
    const { host } = scene(healthy);
    const server = answering(() => reply, true);
    host.servers.set(COLLECTOR_PORT, server);
    host.start(startCore);
    host.run(1000);
    expect(connects(host)).toEqual([0, 100, 300, 700]);
    expect(seqsOf(server.requests)[3]).toEqual([1, 2]);
  });

  test.each(["http", "grpc"])("a collector that closes at once has failed over %s", (protocol) => {
    const { host } = scene(healthy, { COLLECTOR_PROTOCOL: protocol });
    host.servers.set(COLLECTOR_PORT, { onOpen: (one) => (one.accept(), one.end()) });
    host.start(startCore);
    host.run(1000);
    expect(connects(host)).toEqual([0, 100, 300, 700]);
  });

  test("a connection closed between two reports is opened again without a pause", () => {
    const { host, lines } = scene(healthy);
    host.start(startCore);
    host.run(2500);
    for (const { port, connection } of host.opened) if (port === COLLECTOR_PORT) connection.end();
    host.run(4500);
    expect(connects(host)).toEqual([0, 3100]);
    expect(lines.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("words nobody asked for end the connection", () => {
    const { host, lines } = scene(healthy);
    host.start(startCore);
    host.run(2500);
    host.opened.at(1)?.connection.reply("HTTP/1.1 204 X\r\n\r\n");
    host.run(4500);
    expect(connects(host)).toEqual([0, 3100]);
    expect(lines.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("it sleeps while there is nothing to do", () => {
    const { host } = scene(healthy, { PROBE_INTERVAL_MS: "60000" });
    host.start(startCore);
    host.run(1000);
    const before = host.steps;
    host.run(60_050);
    expect(host.steps - before).toBeLessThan(3);
  });

  test.each([
    ["http", 1],
    ["grpc", 2],
  ])("with a certificate authority %s goes over TLS", (protocol, mode) => {
    const { host } = scene(healthy, { COLLECTOR_CA_FILE: "/ca.pem", COLLECTOR_PROTOCOL: protocol });
    host.servers.set(COLLECTOR_PORT, silent);
    host.hasTls = true;
    host.files.set("/ca.pem", "-----BEGIN CERTIFICATE-----");
    host.start(startCore);
    host.run(50);
    expect(host.opened.map((one) => one.mode)).toEqual([0, mode]);
  });

  test("a collector at an IPv6 address is named in brackets", () => {
    const { host, requests } = scene(healthy, { COLLECTOR_HOST: "fd00::1" });
    host.start(startCore);
    host.run(50);
    expect(requests[0]).toContain("\r\nHost: [fd00::1]:9090\r\n");
  });
}

export function stoppingContract(startCore: StartCore): void {
  test("with nothing queued it is over at once", () => {
    const { host } = scene(healthy);
    host.start(startCore);
    host.run(500);
    host.stop(2000);
    const before = host.now;
    expect(host.run(10_000)).toBe(false);
    expect(host.now).toBe(before);
    expect(host.openHandles()).toBe(0);
  });

  test("it gives the running probe up and flushes what is queued", () => {
    const { host, lines, requests } = scene(healthy, { LIVENESS_PORT: "8081" });
    host.servers.set(COLLECTOR_PORT, refusing);
    host.start(startCore);
    host.run(5150);
    host.servers.set(APP_PORT, silent);
    host.run(6150);
    host.servers.set(COLLECTOR_PORT, takingCollector({ host, lines, requests }));
    host.stop(2000);
    expect(host.run(10_000)).toBe(false);
    expect(host.now).toBe(6150);
    expect(lines.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(host.openHandles()).toBe(0);
  });

  test("with a collector that hangs it is over after the grace", () => {
    const { host } = scene(silent);
    host.servers.set(COLLECTOR_PORT, silent);
    host.start(startCore);
    host.run(1000);
    host.stop(2000);
    expect(host.run(60_000)).toBe(false);
    expect(host.now).toBe(3000);
    expect(host.openHandles()).toBe(0);
  });
}

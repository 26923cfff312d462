import { describe, expect, test } from "vitest";
import {
  answeringApp,
  APP_PORT,
  FakeHost,
  takingCollector,
  TEST_ENVIRONMENT,
  type FakeServer,
} from "./fake-host.ts";

function rig(app: FakeServer, status?: () => number) {
  const host = new FakeHost();
  const collector = takingCollector(status);
  host.app = app;
  host.collector = collector;
  return { host, collector };
}

function stat(pid: number, ticks: number, rss = 100): string {
  return `${pid} (my (odd) app) S 1 1 1 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 3 0 99 1000 ${rss} 0`;
}

describe("probing", () => {
  test("it probes every 100 ms until two passes in a row, then at its interval", () => {
    let asked = 0;
    const { host, collector } = rig(answeringApp(() => (++asked > 3 ? 200 : 503)));
    host.run(3500);
    const times = host.opened.filter((entry) => entry.port === APP_PORT).map((entry) => entry.at);
    expect(times).toEqual([0, 100, 200, 300, 400, 1400, 2400, 3400]);
    expect(collector.lines.map((line) => [line["result"], line["status"], line["passes"]])).toEqual(
      [
        [4, 503, 0],
        [4, 503, 0],
        [4, 503, 0],
        [1, 200, 1],
        [1, 200, 2],
        [1, 200, 3],
        [1, 200, 4],
        [1, 200, 5],
      ],
    );
  });

  test.each<[string, FakeServer, number, number]>([
    ["accepts and never answers", { onOpen: (c) => c.accept() }, 3, 500],
    ["never accepts", {}, 3, 500],
    ["refuses", { onOpen: (c) => c.refuse() }, 2, 0],
    ["resets", { onOpen: (c) => c.reset() }, 5, 0],
    ["closes at once", { onOpen: (c) => c.end() }, 5, 0],
    [
      "sends half a status line",
      { onOpen: (c) => c.accept(), onData: (c) => c.reply("HTTP/1.1 20") },
      3,
      500,
    ],
    [
      "sends half a status line and closes",
      { onOpen: (c) => c.accept(), onData: (c) => (c.reply("HTTP/1.1 20"), c.end()) },
      5,
      0,
    ],
    [
      "speaks another protocol",
      { onOpen: (c) => c.accept(), onData: (c) => c.reply("SSH-2.0-OpenSSH_9.2") },
      5,
      0,
    ],
    [
      "sends a head without end",
      {
        onOpen: (c) => c.accept(),
        onData: (c) => c.reply(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1e6)}`),
      },
      1,
      0,
    ],
    [
      "answers and resets",
      { onOpen: (c) => c.accept(), onData: (c) => (c.reply("HTTP/1.1 204 X"), c.reset()) },
      1,
      0,
    ],
    ["answers 399", answeringApp(() => 399), 1, 0],
    ["answers 400", answeringApp(() => 400), 4, 0],
    ["answers 199", answeringApp(() => 199), 4, 0],
  ])("a target that %s is told by its result", (_name, app, result, latencyMs) => {
    const { host, collector } = rig(app);
    host.run(5000);
    expect(collector.lines[0]).toMatchObject({ result, latencyMs, healthy: result === 1 });
    expect(host.openNow()).toBeLessThanOrEqual(2);
  });

  test("a failing release after it was healthy is told with the next probe", () => {
    let status = 200;
    const { host, collector } = rig(answeringApp(() => status));
    host.run(2500);
    status = 500;
    host.run(3200);
    expect(collector.lines.at(-1)).toMatchObject({ healthy: false, passes: 0, fails: 1 });
  });
});

describe("reporting", () => {
  test("one connection carries all reports, each with the token", () => {
    const { host, collector } = rig(answeringApp(() => 200));
    host.run(60_000);
    expect(host.opened.filter((entry) => entry.port === 9090)).toHaveLength(1);
    expect(collector.lines.map((line) => line["seq"])).toEqual(
      Array.from({ length: collector.lines.length }, (_, index) => index + 1),
    );
    expect(collector.requests[0]).toMatch(
      /^POST \/v1\/telemetry\/dep1 HTTP\/1\.1\r\nHost: 10\.0\.0\.1:9090\r\nAuthorization: Bearer token\r\n/,
    );
    expect(collector.lines[0]).toMatchObject({ deployment: "dep1", pod: "pod-1", boot: 1_000_000 });
  });

  test("a line queued while the collector takes its time follows the answer at once", () => {
    const app = answeringApp(() => 200);
    const { host, collector } = rig(app);
    host.environment["PROBE_INTERVAL_MS"] = "30000";
    /** Moments at which something moves on a socket, and what. */
    const events: [at: number, happen: () => void][] = [];
    host.app = {
      ...app,
      onData: (...data) => events.push([host.now + 1, () => app.onData?.(...data)]),
    };
    host.collector = {
      ...collector,
      onData: (...data) => events.push([host.now + 150, () => collector.onData?.(...data)]),
    };
    const core = host.start();
    for (let wakeAt = 0; host.now < 1000; host.now++) {
      const due = events.filter(([at]) => at === host.now);
      for (const [, happen] of due) happen();
      // Exactly as the real host does: no step without an event or the end of the wait.
      if (due.length > 0 || host.now >= wakeAt) wakeAt = host.now + core.step(host.now);
    }
    expect(collector.lines.map((line) => line["passes"])).toEqual([1, 2]);
  });

  test("a collector that is down costs the oldest lines, which are counted, and nothing else", () => {
    const { host, collector } = rig(answeringApp(() => 500));
    host.collector = { onOpen: (connection) => connection.refuse() };
    host.run(20_000);
    expect(host.opened.filter((entry) => entry.port === APP_PORT).length).toBeGreaterThan(190);
    host.collector = collector;
    host.run(60_000);
    const seqs = collector.lines.map((line) => Number(line["seq"]));
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    const missing = (seqs[0] ?? 0) - 1;
    expect(missing).toBeGreaterThan(100);
    expect(collector.lines.at(-1)?.["dropped"]).toBe(missing);
  });

  test("attempts start 100 ms apart and slow down to half a minute", () => {
    const { host } = rig(answeringApp(() => 200));
    host.collector = { onOpen: (connection) => connection.refuse() };
    host.run(300_000);
    const at = host.opened.filter((entry) => entry.port === 9090).map((entry) => entry.at);
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(gaps[0]).toBeLessThanOrEqual(100);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000);
    expect(gaps.at(-1)).toBeGreaterThan(29_000);
  });

  test("a collector that takes and never answers is given up after 5 s and its lines are sent again", () => {
    const { host, collector } = rig(answeringApp(() => 200));
    host.collector = { onOpen: (connection) => connection.accept() };
    host.run(4000);
    expect(host.openNow()).toBe(1);
    host.run(5050);
    host.collector = collector;
    host.run(9000);
    expect(collector.lines[0]?.["seq"]).toBe(1);
  });

  test("a refused token keeps the lines and is logged once", () => {
    let status = 401;
    const { host, collector } = rig(
      answeringApp(() => 200),
      () => status,
    );
    host.run(10_000);
    expect(host.logs).toEqual(["the collector answers 401"]);
    status = 204;
    host.run(30_000);
    expect(collector.lines[0]?.["seq"]).toBe(1);
  });

  test("a report the collector calls malformed is not sent for ever", () => {
    const { host, collector } = rig(
      answeringApp(() => 200),
      () => 400,
    );
    host.run(5000);
    expect(collector.requests.at(-1)).toMatch(/"dropped":[1-9]/);
    expect(collector.requests.every((request) => request.split("\n").length < 12)).toBe(true);
  });

  test("a connection closed between two reports is opened again without a pause", () => {
    const { host, collector } = rig(answeringApp(() => 200));
    host.run(2500);
    for (const entry of host.opened) if (entry.port === 9090) entry.connection.end();
    host.run(4500);
    expect(collector.lines.map((line) => line["seq"])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("it sleeps while there is nothing to do", () => {
    const { host } = rig(answeringApp(() => 200));
    host.environment["PROBE_INTERVAL_MS"] = "60000";
    const core = host.start();
    host.run(1000);
    expect(core.step(host.now)).toBeGreaterThan(10_000);
  });
});

describe("stopping", () => {
  test("with nothing queued it is over at once", () => {
    const { host } = rig(answeringApp(() => 200));
    const core = host.start();
    host.run(500);
    core.stop(host.now, 2000);
    const before = host.now;
    expect(host.run(10_000)).toBe(false);
    expect(host.now).toBe(before);
    expect(host.openNow()).toBe(0);
  });

  test("with a collector that hangs it is over after the grace", () => {
    const { host } = rig({ onOpen: (connection) => connection.accept() });
    host.collector = { onOpen: (connection) => connection.accept() };
    const core = host.start();
    host.run(1000);
    const before = host.now;
    core.stop(before, 2000);
    expect(host.run(60_000)).toBe(false);
    expect(host.now - before).toBe(2000);
  });
});

describe("usage", () => {
  test("the app and all its descendants are counted, CPU as what was used since", () => {
    const { host, collector } = rig(answeringApp(() => 200));
    host.environment["APP_PID_FILE"] = "/run/app.pid";
    host.files = {
      "/run/app.pid": "40\n",
      "/proc/40/task/40/children": "41 ",
      "/proc/41/task/42/children": "43 ",
      "/proc/40/stat": stat(40, 100),
      "/proc/41/stat": stat(41, 10),
      "/proc/43/stat": stat(43, 1),
    };
    host.directories = { "/proc/40/task": [40], "/proc/41/task": [41, 42], "/proc/43/task": [43] };
    host.descriptors = { "/proc/40/fd": 10, "/proc/41/fd": 5 };
    host.run(500);
    expect(collector.lines[0]).toMatchObject({
      procs: 3,
      cpuTicks: 0,
      cpuOverMs: 0,
      rssPages: 300,
      threads: 9,
      fds: 15,
      fdsDenied: 1,
    });
    host.files["/proc/40/stat"] = stat(40, 150);
    host.run(1500);
    expect(collector.lines.at(-1)).toMatchObject({ cpuTicks: 50, cpuOverMs: 1100 });
  });

  test("a new app process is a restart", () => {
    const { host, collector } = rig(answeringApp(() => 200));
    host.environment["APP_PID_FILE"] = "/run/app.pid";
    host.files = { "/run/app.pid": "40" };
    host.run(500);
    host.files["/run/app.pid"] = "50";
    host.run(1500);
    expect(collector.lines.map((line) => line["restarts"])).toEqual([0, 0, 1]);
  });

  test("without a file every process in sight but itself is the app's", () => {
    const { host, collector } = rig(answeringApp(() => 200));
    host.directories = { "/proc": [1, 7, 8] };
    host.files = {
      "/proc/1/stat": "1 (pause) S 0 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 1 1 1 0",
      "/proc/7/stat": stat(7, 5),
      "/proc/8/stat": stat(8, 5),
    };
    host.run(100);
    expect(collector.lines[0]).toMatchObject({ procs: 1, rssPages: 100 });
  });
});

describe("settings", () => {
  test.each([
    ["PROBE_PORT", "http", "PROBE_PORT must be a whole number from 1 to 65535, found http"],
    ["PROBE_PORT", "0", "PROBE_PORT must be a whole number from 1 to 65535, found 0"],
    ["PROBE_PATH", "health", "PROBE_PATH must start with /"],
    ["PROBE_PATH", "/a b", "PROBE_PATH holds a blank or a special character"],
    ["COLLECTOR_TOKEN", "a\r\nb", "COLLECTOR_TOKEN holds a blank or a special character"],
    ["DEPLOYMENT_ID", 'a"b', 'DEPLOYMENT_ID holds a character that no id has: "'],
    ["REPLICA", "", "REPLICA is not set"],
  ])("%s=%j is refused in one line", (name, value, message) => {
    const host = new FakeHost();
    host.environment = { ...TEST_ENVIRONMENT, [name]: value };
    expect(() => host.start()).toThrow(message);
  });
});

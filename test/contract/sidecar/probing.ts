/** What the sidecar says of an app: how it is, what it uses, and whatever the app does instead of answering. */
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { endsWith, type Rig, serve, serveApp } from "./rig.ts";
import { answer, dribble, flood, hang, type Manners, OK, reset } from "./servers.ts";

const HALF_A_HEAD = "HTTP/1.1 200 OK\r\nContent-Le";
const AWAY = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 21\r\n\r\nthe database is away\n";

function pagesOf(pid: number | string): { readonly resident: number; readonly shared: number } {
  const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return { resident: Number(resident), shared: Number(shared) };
}

export function probing(rig: Rig): void {
  // First, because it takes longest and the others run beside it.
  test("has as many descriptors after hundreds of probes as after a few", async (context) => {
    const turns = [OK, answer(AWAY), reset, answer(HALF_A_HEAD), OK, hang];
    const target = await serve(context, (socket) =>
      turns[target.accepted % turns.length]?.(socket),
    );
    const running = rig.sidecar(context, { PROBE_PORT: `${target.port}`, PROBE_TIMEOUT_MS: "60" });
    /** The fewest of some looks: between two probes there is no connection to the app. */
    const resting = async () => {
      const looks: number[] = [];
      while (looks.length < 20) {
        await sleep(5);
        if (target.open === 0) looks.push(running.descriptors());
      }
      return Math.min(...looks);
    };
    await running.known("20 probes", ({ seq }) => seq >= 20);
    const few = await resting();
    await running.known("220 probes", ({ seq }) => seq >= 220);
    expect(await resting()).toBe(few);
  });

  test("knows a healthy app after two passes, and what its processes use", async (context) => {
    const app = await serveApp(context);
    const running = rig.sidecar(context, { PROBE_PORT: `${app.port}`, APP_PID_FILE: app.pidFile });
    const healthy = await running.known("a healthy app", (replica) => replica.healthy);
    expect(healthy).toMatchObject({ pod: "pod-1", lastResult: "ok", lastStatus: 200 });
    expect(healthy.consecutivePasses).toBeGreaterThanOrEqual(2);
    const used = await running.known("its CPU", ({ cpuMillicores }) => cpuMillicores !== null);
    expect(used.memoryBytes).toBeGreaterThan(10_000_000);
    expect(used.descriptors).toBeGreaterThan(5);
    expect(used.threads).toBeGreaterThan(3);
    expect(used.restarts).toBe(0);
  });

  test("counts what forty processes of one program share once", async (context) => {
    const app = await serveApp(context, 0, 40);
    const running = rig.sidecar(context, { PROBE_PORT: `${app.port}`, APP_PID_FILE: app.pidFile });
    const { memoryBytes } = await running.known(
      "its memory",
      (replica) => replica.memoryBytes !== null,
    );
    const sleeps = readFileSync(`/proc/${app.pid}/task/${app.pid}/children`, "utf8")
      .trim()
      .split(" ");
    expect(sleeps).toHaveLength(40);
    const all = [app.pid, ...sleeps].map(pagesOf);
    const resident = all.reduce((sum, pages) => sum + pages.resident, 0);
    const shared = all.reduce((sum, pages) => sum + pages.shared, 0);
    const most = Math.max(...all.map((pages) => pages.shared));
    expect(shared - most).toBeGreaterThan(40);
    // The app itself changes between the two readings; a tenth of what is shared is left to that.
    expect(memoryBytes).toBeLessThan((resident - 0.9 * (shared - most)) * 4096);
    expect(memoryBytes).toBeGreaterThan(most * 4096);
  });

  test("counts a new process of the app as a restart", async (context) => {
    const first = await serveApp(context);
    const running = rig.sidecar(context, {
      PROBE_PORT: `${first.port}`,
      APP_PID_FILE: first.pidFile,
    });
    await running.known("the memory it uses", ({ memoryBytes }) => memoryBytes !== null);
    await first.kill();
    const second = await serveApp(context, first.port);
    writeFileSync(first.pidFile, readFileSync(second.pidFile));
    await running.known("the restart", ({ restarts, healthy }) => restarts === 1 && healthy);
  });

  // A machine that is busy with other tests may need three attempts at what is promised of an idle one.
  test("knows of a killed app within the interval and a second", { retry: 2 }, async (context) => {
    const app = await serveApp(context);
    const running = rig.sidecar(context, { PROBE_PORT: `${app.port}`, PROBE_INTERVAL_MS: "1000" });
    await running.known("a healthy app", (replica) => replica.healthy);
    const killedAt = Date.now();
    await app.kill();
    const failed = await running.known("its end", (replica) => !replica.healthy);
    expect(failed.lastResult).toBe("refused");
    expect(Date.now() - killedAt).toBeLessThanOrEqual(2000);
  });

  test.for<[string, Manners, object]>([
    ["hangs", hang, { lastResult: "timeout", lastStatus: null }],
    ["resets", reset, { lastResult: "error", lastStatus: null }],
    ["ends without a word", answer(""), { lastResult: "error", lastStatus: null }],
    ["sends half a status", answer("HTTP/1.1 2"), { lastResult: "error", lastStatus: null }],
    ["sends half a head", answer(HALF_A_HEAD), { lastResult: "error", lastStatus: null }],
    [
      "sends half a head and hangs",
      answer(HALF_A_HEAD, { keepOpen: true }),
      { lastResult: "timeout", lastStatus: null },
    ],
    [
      "has a gigabyte of head",
      flood("HTTP/1.1 200 OK\r\nX-Long: "),
      { lastResult: "error", lastStatus: null },
    ],
    ["speaks another protocol", answer("SSH-2.0-OpenSSH_9.2\r\n"), { lastResult: "error" }],
    ["passes with a gigabyte", flood("HTTP/1.1 200 OK\r\n\r\n"), { lastResult: "ok" }],
    ["sends a gigabyte of nonsense", flood(""), { lastResult: "error", lastStatus: null }],
    [
      "fails with a gigabyte of head",
      flood("HTTP/1.1 500 Oops\r\nX-Long: "),
      { lastResult: "status", lastStatus: 500 },
    ],
    [
      "fails and says why",
      answer(AWAY),
      { lastResult: "status", lastStatus: 503, lastBody: "the database is away" },
    ],
    [
      "fails and says why 8 bytes at a time",
      dribble(AWAY, 8),
      { lastResult: "status", lastStatus: 503, lastBody: "the database is away" },
    ],
    ["redirects", answer("HTTP/1.1 301 Moved\r\n\r\n"), { lastResult: "ok", lastStatus: 301 }],
  ])("tells of an app that %s, and needs no memory for it", async ([, manners, told], context) => {
    const target = await serve(context, manners);
    const running = rig.sidecar(context, { PROBE_PORT: `${target.port}`, PROBE_TIMEOUT_MS: "300" });
    await running.known("three probes", ({ seq }) => seq >= 3);
    // A busy machine may make an answer late now and then.
    await until(() => (expect(running.replica()).toMatchObject(told), true), { everyMs: 10 });
    expect(running.residentKb()).toBeLessThanOrEqual(rig.form.maxResidentKb);
  });

  test("tells of an app that refuses, and of its return", async (context) => {
    const target = await serve(context, OK);
    await target.shut();
    const running = rig.sidecar(context, { PROBE_PORT: `${target.port}` });
    await running.known("a refusal", ({ lastResult }) => lastResult === "refused");
    await target.reopen();
    await running.known("a healthy app", (replica) => replica.healthy);
  });

  test("probes an app on IPv6", async (context) => {
    const target = await serve(context, OK, "::1");
    const running = rig.sidecar(context, { PROBE_HOST: "::1", PROBE_PORT: `${target.port}` });
    await running.known("a healthy app", (replica) => replica.healthy);
  });

  test("probes an app by name, or says that it cannot", async (context) => {
    const target = await serve(context, OK);
    const running = rig.sidecar(context, { PROBE_HOST: "localhost", PROBE_PORT: `${target.port}` });
    if (rig.form.resolvesNames) return running.known("a healthy app", (replica) => replica.healthy);
    return endsWith(
      running,
      64,
      "PROBE_HOST must be an IP address: this build does not resolve names, found localhost",
    );
  });
}

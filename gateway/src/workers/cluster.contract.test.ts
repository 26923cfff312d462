/** The parent over real worker processes. */
import { createServer, type AddressInfo } from "node:net";
import type { ClusterTraffic } from "@bifrost/shared/api/cluster-traffic";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ClusterRig, isAlive, WAIT_MS } from "../testing/cluster-rig.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { eventually, testPlaneSettings } from "../testing/test-gateway.ts";

let rig: ClusterRig;
beforeAll(async () => {
  rig = await ClusterRig.build("gateway-worker");
});
afterEach(() => rig.stop());
afterAll(() => rig.close());

const requests = (metrics: string): number =>
  Number(/^bifrost_proxy_requests_total (\d+)$/m.exec(metrics)?.[1] ?? 0);

const victims = (): number => new Set(rig.lost.map(({ process: by }) => by)).size;

describe("a worker that", () => {
  test("is killed takes its own connections with it and no others; the next one serves, and no count falls", async () => {
    await rig.start();
    await rig.load();
    const former = await rig.pids();
    const [victim = 0] = former;
    await rig.untilAnswered(500);
    const counted = requests(await rig.metrics());
    process.kill(victim, "SIGKILL");
    expect(await rig.untilReplaced(former)).not.toContain(victim);
    await rig.untilAnswered(500);
    await rig.stopLoad();
    expect(victims()).toBeLessThanOrEqual(1);
    expect(rig.lost.filter(({ how }) => how !== "ended" && how !== "broken off")).toEqual([]);
    const metrics = await rig.metrics();
    expect(requests(metrics)).toBeGreaterThanOrEqual(counted);
    expect(metrics).toContain('bifrost_proxy_worker_ends_total{how="killed"} 1\n');
  });

  test("stands still is killed by its parent while the other one serves", async () => {
    await rig.start({ watchdog: { silenceMs: 1500, startMs: 30_000 } });
    await rig.load();
    const former = await rig.pids();
    const [victim = 0] = former;
    process.kill(victim, "SIGSTOP");
    await eventually("it is gone", () => !isAlive(victim), WAIT_MS);
    await rig.untilAnswered(200);
    await rig.untilReplaced(former);
    await rig.stopLoad();
    expect(victims()).toBeLessThanOrEqual(1);
  });

  test("is the only one comes back on the same port and knows all before it listens", async () => {
    await rig.start({ workers: 1 });
    await rig.load(1);
    const former = await rig.pids();
    process.kill(former[0] ?? 0, "SIGKILL");
    await rig.untilReplaced(former);
    await rig.untilAnswered(100);
    await rig.stopLoad();
    expect(rig.lost.filter(({ how }) => how.startsWith("status"))).toEqual([]);
  });

  test("gets a signal that was meant for the whole group serves on", async () => {
    await rig.start({ workers: 1 });
    const [pid = 0] = await rig.pids();
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) process.kill(pid, signal);
    await rig.load(1);
    await rig.stopLoad();
    expect(rig.lost).toEqual([]);
    expect(await rig.pids()).toEqual([pid]);
  });

  test("cannot listen keeps the gateway from starting, by name", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const settings = { ...testPlaneSettings(), port };
    await expect(rig.startPlanes({ settings })).rejects.toMatchObject({ code: "port-taken" });
    taken.close();
  });
});

describe("not one request is lost when", () => {
  test("every worker is replaced while clients ask", async () => {
    await rig.start();
    await rig.load();
    const former = await rig.pids();
    expect((await rig.gateway.control("/restart", { method: "POST" })).status).toBe(200);
    const now = await rig.pids();
    expect(now.filter((pid) => former.includes(pid))).toEqual([]);
    expect(former.filter(isAlive)).toEqual([]);
    await rig.stopLoad();
    expect(rig.lost).toEqual([]);
  });

  test("the gateway drains: what was accepted is answered, then nobody listens", async () => {
    await rig.start();
    await rig.load();
    const drained = await rig.gateway.control("/drain?graceMs=5000", { method: "POST" });
    expect(await drained.json()).toEqual({ drained: true });
    await rig.stopLoad();
    // With the last socket goes what the kernel had queued there and no process had accepted.
    const accepted = rig.lost.filter(({ how, process: by }) => how !== "refused" && by !== null);
    expect(accepted).toEqual([]);
    expect((await rig.gateway.control("/ready")).status).toBe(503);
    // What workers counted by route they have told, to the last request.
    const traffic = (await (
      await rig.gateway.control("/cluster/traffic")
    ).json()) as ClusterTraffic;
    expect(traffic.routes.map(({ route }) => route)).toEqual([`${HOST}/`]);
    expect(traffic.requests).toBeGreaterThanOrEqual(rig.answered);
  });
});

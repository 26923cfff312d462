/** The parent over real worker processes. */
import { createServer, type AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { Load, startNamingReplica } from "../testing/load.ts";
import { HOST } from "../testing/proxy-rig.ts";
import {
  eventually,
  startGatewayOver,
  testPlaneSettings,
  type TestGateway,
} from "../testing/test-gateway.ts";
import { buildPrograms, type BuiltPrograms } from "../testing/worker-program.ts";
import { startCluster, type ClusterOptions } from "./cluster.ts";
import type { DataPlanes } from "./data-planes.ts";
import { PolicyFaults } from "./policy-faults.ts";

const WAIT_MS = 20_000;

let programs: BuiltPrograms;
let replica: Awaited<ReturnType<typeof startNamingReplica>>;
let running: Omit<TestGateway, "listener"> | null = null;

beforeAll(async () => {
  programs = await buildPrograms("gateway-worker");
  replica = await startNamingReplica();
});

afterEach(async () => {
  await running?.gateway.stop(0);
  running = null;
});

afterAll(() => {
  replica.close();
  programs.remove();
});

function startPlanes(options: Partial<ClusterOptions> = {}): Promise<DataPlanes> {
  return startCluster({
    workers: 2,
    program: { script: programs.script("gateway-worker"), nodeArguments: [] },
    settings: testPlaneSettings(),
    timers: systemTimers,
    log: silentLogger,
    events: { onFault: () => undefined, onPolicyLog: () => undefined },
    ...options,
  });
}

/** A gateway that serves HOST, with clients that ask it all the time, over every one of its workers. */
async function startLoaded(options: Partial<ClusterOptions> = {}) {
  const { workers = 2 } = options;
  const dataPlanes = await startPlanes(options);
  const policyFaults = new PolicyFaults(systemTimers, silentLogger);
  const gateway = await startGatewayOver(dataPlanes, { policyFaults });
  running = gateway;
  gateway.setBackends({ first: [replica.address] });
  gateway.setRoutes({ [HOST]: {} }, { project: "first" });
  const tables = await startLoad(gateway.gateway.port, workers);
  return { ...gateway, ...tables };
}

/** Clients until every worker has answered one; the losses before the tables were there do not count. */
async function startLoad(port: number, workers: number) {
  const loads: Load[] = [];
  const processes = (): number => new Set(loads.flatMap((load) => [...load.processes.keys()])).size;
  while (processes() < workers) {
    const load = new Load(port, 8);
    loads.push(load);
    await eventually("it is answered", () => load.answered > 50, WAIT_MS);
  }
  for (const load of loads) load.lost.length = 0;
  return {
    answered: () => loads.reduce((sum, load) => sum + load.answered, 0),
    lost: () => loads.flatMap((load) => load.lost),
    stopLoad: () => Promise.all(loads.map((load) => load.stop())),
  };
}

async function pids({ control }: Pick<TestGateway, "control">): Promise<readonly number[]> {
  const { workers } = (await (await control("/connections")).json()) as {
    workers: readonly { readonly pid: number }[];
  };
  return workers.map(({ pid }) => pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A worker in the place of each former one. */
async function untilReplaced(gateway: TestGatewayLike, former: readonly number[], count = 2) {
  for (;;) {
    const now = await pids(gateway);
    if (now.length === count && now.some((pid) => !former.includes(pid))) return now;
  }
}

type TestGatewayLike = Pick<TestGateway, "control">;

const total = async ({ control }: TestGatewayLike): Promise<number> => {
  const text = await (await control("/metrics")).text();
  return Number(/^bifrost_proxy_requests_total (\d+)$/m.exec(text)?.[1] ?? 0);
};

describe("a worker that", () => {
  test("is killed takes its own connections with it and no others; the next one serves, and no count falls", async () => {
    const gateway = await startLoaded();
    const former = await pids(gateway);
    const [victim = 0] = former;
    await eventually("it was counted", () => gateway.answered() > 500, WAIT_MS);
    const counted = await total(gateway);
    process.kill(victim, "SIGKILL");
    const next = await untilReplaced(gateway, former);
    expect(next).not.toContain(victim);
    const before = gateway.answered();
    await eventually("they go on", () => gateway.answered() > before + 500, WAIT_MS);
    await gateway.stopLoad();
    expect(new Set(gateway.lost().map(({ process: name }) => name)).size).toBeLessThanOrEqual(1);
    expect(gateway.lost().filter(({ how }) => how !== "ended" && how !== "broken off")).toEqual([]);
    expect(await total(gateway)).toBeGreaterThanOrEqual(counted);
    const metrics = await (await gateway.control("/metrics")).text();
    expect(metrics).toContain('bifrost_proxy_worker_ends_total{how="killed"} 1\n');
  });

  test("stands still is killed by its parent while the other one serves", async () => {
    const gateway = await startLoaded({ watchdog: { silenceMs: 1500, startMs: 30_000 } });
    const former = await pids(gateway);
    const [victim = 0] = former;
    process.kill(victim, "SIGSTOP");
    await eventually("it is gone", () => !isAlive(victim), WAIT_MS);
    const before = gateway.answered();
    await eventually("they go on", () => gateway.answered() > before + 200, WAIT_MS);
    await untilReplaced(gateway, former);
    await gateway.stopLoad();
    expect(new Set(gateway.lost().map(({ process: name }) => name)).size).toBeLessThanOrEqual(1);
  });

  test("is the only one comes back on the same port and knows all before it listens", async () => {
    const gateway = await startLoaded({ workers: 1 });
    const former = await pids(gateway);
    process.kill(former[0] ?? 0, "SIGKILL");
    await untilReplaced(gateway, former, 1);
    const before = gateway.answered();
    await eventually("it serves", () => gateway.answered() > before + 100, WAIT_MS);
    await gateway.stopLoad();
    expect(gateway.lost().filter(({ how }) => how.startsWith("status"))).toEqual([]);
  });

  test("cannot listen keeps the gateway from starting, by name, and nothing is left of it", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const settings = { ...testPlaneSettings(), port };
    await expect(startPlanes({ settings })).rejects.toMatchObject({ code: "port-taken" });
    taken.close();
  });
});

describe("not one request is lost when", () => {
  test("every worker is replaced while clients ask", async () => {
    const gateway = await startLoaded();
    const former = await pids(gateway);
    expect((await gateway.control("/restart", { method: "POST" })).status).toBe(200);
    const now = await pids(gateway);
    expect(now.filter((pid) => former.includes(pid))).toEqual([]);
    expect(former.filter(isAlive)).toEqual([]);
    await gateway.stopLoad();
    expect(gateway.lost()).toEqual([]);
  });

  test("the gateway drains: what was accepted is answered, then nobody listens", async () => {
    const gateway = await startLoaded();
    const drained = await gateway.control("/drain?graceMs=5000", { method: "POST" });
    expect(await drained.json()).toEqual({ drained: true });
    await gateway.stopLoad();
    // With the last socket goes what the kernel had queued there and no process had accepted.
    const accepted = gateway
      .lost()
      .filter(({ how, process: by }) => how !== "refused" && by !== null);
    expect(accepted).toEqual([]);
    expect((await gateway.control("/ready")).status).toBe(503);
  });
});

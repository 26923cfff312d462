/** The parent over real worker processes. */
import { get } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger, type Logger } from "@bifrost/shared/ports/logger";
import { answering, HOST, OK } from "../testing/proxy-rig.ts";
import { startGatewayOver, testPlaneSettings, type TestGateway } from "../testing/test-gateway.ts";
import { startReplica, type RunningReplica } from "../testing/replica.ts";
import { buildPrograms, type BuiltPrograms } from "../testing/worker-program.ts";
import { startCluster } from "./cluster.ts";
import { PolicyFaults } from "./policy-faults.ts";

let programs: BuiltPrograms;
let replica: RunningReplica;
let running: Omit<TestGateway, "listener"> | null = null;

beforeAll(async () => {
  programs = await buildPrograms("gateway-worker");
  replica = await startReplica(answering(OK));
});

afterEach(async () => {
  await running?.gateway.stop(0);
  running = null;
});

afterAll(() => {
  replica.close();
  programs.remove();
});

async function start(workers: number, log: Logger = silentLogger) {
  const policyFaults = new PolicyFaults(systemTimers, log);
  const dataPlanes = await startCluster({
    workers,
    program: { script: programs.script("gateway-worker"), nodeArguments: [] },
    settings: testPlaneSettings(),
    timers: systemTimers,
    log,
    events: { onFault: (fault) => policyFaults.add(fault), onPolicyLog: () => undefined },
  });
  running = await startGatewayOver(dataPlanes, { policyFaults });
  return running;
}

/** The status of one request over a connection of its own. */
function ask(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", headers: { host: HOST }, agent: false };
    get(options, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
      response.on("error", reject);
    }).on("error", reject);
  });
}

/** Both tables have reached every worker: as many answers in a row as make a miss of one unlikely. */
async function untilServing({ gateway }: Pick<TestGateway, "gateway">): Promise<void> {
  for (let good = 0; good < 20;) good = (await ask(gateway.port)) === 200 ? good + 1 : 0;
}

async function pids(gateway: Pick<TestGateway, "control">): Promise<readonly number[]> {
  const { workers } = (await (await gateway.control("/connections")).json()) as {
    workers: readonly { readonly pid: number }[];
  };
  return workers.map(({ pid }) => pid);
}

describe("two workers", () => {
  test("serve what their parent tells them", async () => {
    const gateway = await start(2);
    gateway.setBackends({ first: [replica.address] });
    gateway.setRoutes({ [HOST]: {} }, { project: "first" });
    await untilServing(gateway);
    expect(new Set(await pids(gateway)).size).toBe(2);
  });
});

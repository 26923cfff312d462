/** How the whole program ends: with its requests answered when it is asked to, with nothing left behind when it is not. */
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { isAlive, WAIT_MS } from "./testing/cluster-rig.ts";
import { GatewayPrograms } from "./testing/gateway-program.ts";
import { Load } from "./testing/load.ts";
import { eventually } from "./testing/test-gateway.ts";

let programs: GatewayPrograms;
beforeAll(async () => {
  programs = await GatewayPrograms.build();
});
afterEach(() => programs.stopAll());
afterAll(() => programs.close());

/** Clients until every worker has answered one, which then go on asking. */
async function loadOf(port: number, workers: number): Promise<readonly Load[]> {
  const loads: Load[] = [];
  const names = (): number => new Set(loads.flatMap(({ processes }) => [...processes.keys()])).size;
  while (names() < workers) {
    const load = new Load(port, 8);
    loads.push(load);
    await eventually("it is answered", () => load.answered > 50, WAIT_MS);
  }
  return loads;
}

async function untilPortIsFree(port: number): Promise<void> {
  let isFree = false;
  await eventually(
    "the port is free",
    () => {
      const probe = createServer().once("error", () => undefined);
      probe.listen(port, "127.0.0.1", () => {
        isFree = true;
        probe.close();
      });
      return isFree;
    },
    WAIT_MS,
  );
}

test.each([
  ["SIGTERM", {}],
  ["the end of its standard input", { BIFROST_EXIT_WITH_STDIN: "1" }],
])("at %s under load what was accepted is answered, then nothing is left", async (how, changes) => {
  const gateway = await programs.start(changes);
  expect(gateway.workers).toHaveLength(2);
  const loads = await loadOf(gateway.port, 2);
  if (how === "SIGTERM") gateway.child.kill("SIGTERM");
  else gateway.child.stdin?.end();
  expect(await gateway.ended).toBe(0);
  await Promise.all(loads.map((load) => load.stop()));
  // With the last socket goes what the kernel had queued there and no process had accepted.
  const accepted = loads.flatMap(({ lost }) => lost.filter(({ process: by }) => by !== null));
  expect(accepted).toEqual([]);
  await eventually("no worker is left", () => !gateway.workers.some(isAlive), WAIT_MS);
  await untilPortIsFree(gateway.port);
});

test("killed, it leaves neither workers nor the port behind, and the next one serves there", async () => {
  const former = await programs.start();
  const loads = await loadOf(former.port, 2);
  former.child.kill("SIGKILL");
  await eventually("no worker is left", () => !former.workers.some(isAlive), WAIT_MS);
  await Promise.all(loads.map((load) => load.stop()));
  await untilPortIsFree(former.port);
  const next = await programs.start({ BIFROST_GATEWAY_PORT: String(former.port) });
  const again = await loadOf(next.port, 1);
  await Promise.all(again.map((load) => load.stop()));
  expect(again.flatMap(({ lost }) => lost)).toEqual([]);
});

test("while it still waits for its store it ends with its parent, and leaves nobody behind", async () => {
  // Its standard input is at an end from the beginning, and nobody answers for Firestore.
  const changes = { BIFROST_EXIT_WITH_STDIN: "1", FIRESTORE_EMULATOR_HOST: "127.0.0.1:9" };
  const started = programs.start(changes, true);
  await expect(started).rejects.toThrow(/ended with 0 before it was ready/);
});

/** Workers that are replaced while something else happens: none is forgotten, neither by the tables nor by the end. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ClusterRig, isAlive, WAIT_MS } from "../testing/cluster-rig.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { eventually, rawClient, testPlaneSettings } from "../testing/test-gateway.ts";

let rig: ClusterRig;
beforeAll(async () => {
  rig = await ClusterRig.build("testing/gated-worker");
});
beforeEach(async () => {
  rig.gate.close();
  rig.gate.open();
  await rig.start({ workers: 1 });
});
afterEach(async () => {
  rig.gate.open();
  await rig.stop();
});
afterAll(() => rig.close());

const ATTACHED = { policies: [{ policy: "none", config: {} }] };

/** Worker processes of this one, found where nobody can forget them. */
function workersInSystem(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, parent] = status.slice(status.lastIndexOf(")") + 2).split(" ");
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return state !== "Z" && Number(parent) === process.pid && command.includes("gated-worker");
      } catch {
        return false; // it ended meanwhile
      }
    })
    .map(Number);
}

function restart(): Promise<Response> {
  return rig.gateway.control("/restart", { method: "POST" });
}

/** Begins a restart whose new worker has its tables and does not listen yet; answers with its end. */
async function restartAtTheGate(): Promise<{ readonly over: Promise<Response> }> {
  rig.gateway.setRoutes({ [HOST]: {}, "policed.test.local": ATTACHED }, { project: "first" });
  await eventually("policies are loaded", () => rig.gate.isReached(), WAIT_MS);
  rig.gate.close();
  const over = restart();
  await eventually("the new one waits", () => rig.gate.isReached(), WAIT_MS);
  return { over };
}

async function statusOf(host: string): Promise<string> {
  const client = await rawClient(rig.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return (await client.closed()).slice(9, 12);
}

test("two restarts at once leave those that serve and no other", async () => {
  const [former = 0] = await rig.pids();
  const answers = await Promise.all([restart(), restart()]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(workersInSystem()).toEqual(await rig.pids());
  expect(isAlive(former)).toBe(false);
});

test("a table that comes while the new one starts reaches it", async () => {
  const { over } = await restartAtTheGate();
  const routes = { [HOST]: {}, "policed.test.local": ATTACHED, "late.test.local": {} };
  rig.gateway.setRoutes(routes, { project: "first" });
  while ((await statusOf("late.test.local")) !== "200");
  rig.gate.open();
  expect((await over).status).toBe(200);
  expect(await statusOf("late.test.local")).toBe("200");
});

test.each([
  ["on a port of its own", 200],
  // The new one meant to share a socket that was gone when it listened: that restart has failed.
  ["on a port that the system chose", 500],
])(
  "the present one is lost while the new one starts, %s: one successor stays there",
  async (where, expected) => {
    const { port } = rig;
    if (where === "on a port of its own") {
      await rig.stop();
      rig.gate.close();
      rig.gate.open();
      await rig.start({ workers: 1, settings: { ...testPlaneSettings(), port } });
    }
    const [former = 0] = await rig.pids();
    const { over } = await restartAtTheGate();
    process.kill(former, "SIGKILL");
    const successors = (): readonly number[] => workersInSystem().filter((pid) => pid !== former);
    await eventually("both start", () => successors().length === 2, WAIT_MS);
    rig.gate.open();
    expect((await over).status).toBe(expected);
    while (workersInSystem().length > 1 || (await rig.pids()).length === 0);
    expect(workersInSystem()).toEqual(await rig.pids());
    expect(rig.port).toBe(port);
    expect(await statusOf(HOST)).toBe("200");
  },
);

test("the gateway stops while the new one starts: none is left", async () => {
  const { over } = await restartAtTheGate();
  await rig.gateway.gateway.dataPlanes.stop(0);
  expect(workersInSystem()).toEqual([]);
  expect((await over).status).toBe(500);
});

test("the gateway stops while a replaced one still serves: none is left", async () => {
  const client = await rawClient(rig.port);
  // Half a request keeps its connection, and with it its worker, for as long as the grace lasts.
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: `);
  const over = restart();
  while ((await rig.pids()).length < 2);
  await rig.gateway.gateway.dataPlanes.stop(0);
  expect(workersInSystem()).toEqual([]);
  expect((await over).status).toBe(200);
});

test("an operator drains for ten minutes, then a signal comes: its grace counts", async () => {
  const client = await rawClient(rig.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: `);
  const drained = rig.gateway.control("/drain?graceMs=600000", { method: "POST" });
  while ((await rig.gateway.control("/ready")).status !== 503);
  await rig.gateway.gateway.stop(0);
  expect(workersInSystem()).toEqual([]);
  // Cut, and not told after its time that it was too slow.
  expect(await client.closed()).toBe("");
  await drained.catch(() => undefined); // its connection may have gone with the gateway
});

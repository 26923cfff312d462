/** A data plane in the parent's own process: when policies begin to hold, and its end. */
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { EMPTY_ROUTE_TABLE, type RouteTable } from "@bifrost/shared/domain/route";
import { afterEach, expect, test, vi } from "vitest";
import { type PolicyChain, UNTOUCHED } from "../policies/policy-chain.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { testSources } from "../testing/sources.ts";
import { NO_BUCKET, rawClient, testPlaneSettings } from "../testing/test-gateway.ts";
import { TestReplicas } from "../testing/test-replicas.ts";
import { type InProcessDataPlanes, startInProcess } from "./in-process.ts";
import type { PolicyRuntime } from "./policy-runtime.ts";

const replicas = new TestReplicas();
let planes: InProcessDataPlanes | null = null;
afterEach(async () => {
  await planes?.stop(0);
  replicas.close();
});

const TEAPOT: PolicyChain = {
  onRequest: () => ({ ...UNTOUCHED, answer: { status: 418, headers: "", body: "" } }),
  hasResponsePhase: false,
  onResponse: () => null,
};

const RUNTIME: PolicyRuntime = {
  chainOf: () => TEAPOT,
  load: () => undefined,
  takeCounts: () => new Map(),
  limiterKeys: () => 0,
  hearLimits: () => undefined,
  close: () => undefined,
};

test("the first routes with policies wait for the engine, and those before them serve meanwhile", async () => {
  const gate = new EventEmitter();
  const engine = once(gate, "start").then(() => RUNTIME);
  let isAskedFor = false;
  const running = await startInProcess({
    settings: testPlaneSettings(),
    timers: systemTimers,
    startPolicies: () => ((isAskedFor = true), engine),
    openBucket: () => NO_BUCKET,
    events: { onFault: () => undefined, onPolicyLog: () => undefined },
    onProblem: () => undefined,
  });
  planes = running;
  const replica = await replicas.http((_request, response) => response.end());
  const sources = testSources();
  let plain: RouteTable = EMPTY_ROUTE_TABLE;
  sources.routes.watch((table) => (plain = table));
  sources.backends.watch((backends) => running.update({ backends }));
  sources.setRoutes({ [HOST]: {} }, { project: "live" });
  sources.setBackends({ live: [replica.address] });
  const status = async (): Promise<string> => {
    const client = await rawClient(running.port);
    client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    return (await client.closed()).slice(9, 12);
  };

  // A project that is known to have none needs no engine.
  running.update({ routes: { ...plain, projectPolicies: new Map([["project", []]]) } });
  expect(await status()).toBe("200");
  expect(isAskedFor).toBe(false);
  const projectPolicies = new Map([["project", [{ policy: "teapot", config: {} }]]]);
  running.update({ routes: { ...plain, projectPolicies } });
  expect(isAskedFor).toBe(true);
  expect(await status()).toBe("200");
  gate.emit("start");
  await vi.waitFor(async () => expect(await status()).toBe("418"), { timeout: 10_000 });
});

test("replicas in other regions are asked when those of the own one are to be avoided", async () => {
  const running = await startInProcess({
    settings: testPlaneSettings(),
    timers: systemTimers,
    startPolicies: () => Promise.resolve(RUNTIME),
    openBucket: () => NO_BUCKET,
    events: { onFault: () => undefined, onPolicyLog: () => undefined },
    onProblem: () => undefined,
  });
  planes = running;
  const [near, far] = [
    await replicas.http((_request, response) => response.end("<near>")),
    await replicas.http((_request, response) => response.end("<far>")),
  ];
  const sources = testSources();
  sources.routes.watch((routes) => running.update({ routes }));
  sources.backends.watch((backends) => running.update({ backends }));
  sources.setRoutes({ [HOST]: {} }, { project: "live" });
  sources.setBackends({ live: [near.address, far.address] });
  const client = await rawClient(running.port);
  let asked = 0;
  const answers = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for (let time = 0; time < 4; time++) {
      client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      asked++;
      const text = await client.until((all) => all.split(/<\w+>/).length > asked);
      found.push(/<\w+>$/.exec(text)?.[0] ?? "");
    }
    return [...new Set(found)].toSorted();
  };
  expect(await answers()).toEqual(["<far>", "<near>"]);
  running.update({ distant: new Set([far.address]) });
  expect(await answers()).toEqual(["<near>"]);
  running.update({ avoided: new Set([near.address]) });
  expect(await answers()).toEqual(["<far>"]);
});

test("of two stops the shorter grace counts for both, and the access log has every line", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "bifrost-in-process-"));
  const where = path.join(folder, "access.log");
  const running = await startInProcess({
    settings: {
      ...testPlaneSettings(),
      accessLog: { where, scheme: "http", cloudProject: "cloud", logsQuery: false },
    },
    timers: systemTimers,
    startPolicies: () => Promise.resolve(RUNTIME),
    openBucket: () => NO_BUCKET,
    events: { onFault: () => undefined, onPolicyLog: () => undefined },
    onProblem: () => undefined,
  });
  planes = null;
  const client = await rawClient(running.port);
  client.send("GET / HTTP/1.1\r\nHost: nobody\r\n\r\nGET / HTTP/1.1\r\n");
  await client.until((text) => text.endsWith("}\n"));
  const long = running.stop(600_000);
  await running.stop(0);
  await long;
  expect(readFileSync(where, "utf8").trimEnd().split("\n")).toHaveLength(1);
  rmSync(folder, { recursive: true });
});

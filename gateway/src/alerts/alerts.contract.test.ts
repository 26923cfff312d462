import type { PolicyScript } from "@bifrost/shared/domain/policy";
import { replicaOf } from "@bifrost/shared/domain/telemetry";
import { systemTimers } from "@bifrost/shared/domain/time";
import { type LogFields, silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { TakenSample } from "../telemetry/sample-feed.ts";
import { sampleLine } from "../testing/sample-line.ts";
import { type BuiltPrograms, buildPrograms } from "../testing/worker-program.ts";
import type { PolicyFault, PolicyLogLine } from "../workers/policy-runtime.ts";
import { AlertProcess } from "./alert-process.ts";
import { Alerts } from "./alerts.ts";

let programs: BuiltPrograms;
beforeAll(async () => {
  programs = await buildPrograms("alert-rules");
});
afterAll(() => programs.remove());

const started: Alerts[] = [];
afterEach(() => started.splice(0).forEach((alerts) => alerts.stop()));

function rig(heldMs = 5000) {
  const faults: PolicyFault[] = [];
  const lines: PolicyLogLine[] = [];
  const said: LogFields[] = [];
  const note = (event: string, fields: LogFields = {}) => {
    if (event === "alert") said.push(fields);
  };
  const log = { ...silentLogger, info: note, warn: note, error: note };
  const child = new AlertProcess({
    program: { script: programs.script("alert-rules"), nodeArguments: [], environment: {} },
    timers: systemTimers,
    log,
    onFault: (fault) => faults.push(fault),
    onLog: (line) => lines.push(line),
    heldMs,
  });
  const alerts = new Alerts({
    process: child,
    webhooks: new Map(),
    repeatMs: 60_000,
    timers: systemTimers,
    log,
  });
  started.push(alerts);
  return { alerts, child, faults, lines, said };
}

function rule(name: string, source: string, version = 1): PolicyScript {
  return { name, kind: "alert", version, source };
}

function sample(pod: string, fails: number): TakenSample {
  const usage = { procs: 1, cpuTicks: 150, cpuOverMs: 1000, rssPages: 256 };
  const probe = { healthy: fails === 0, fails, status: 200, latencyMs: 7 };
  const line = sampleLine({ pod, ...usage, ...probe });
  return { deploymentId: "d1", line, replica: replicaOf(line, Date.now()) };
}

const DOWN = `if not healthy and unhealthy_count >= 3 then alert("critical", "down", "log") end`;

test("a rule runs over each sample and what it raises is told with the sample's values", async () => {
  const { alerts, said, lines } = rig();
  const release = { projectId: "p1", ready: [], memoryLimitBytes: 256 * 4096 * 4 };
  alerts.setBackends(new Map([["d1", release]]));
  // Its last replica is no longer ready: that is when alerts matter.
  alerts.setBackends(new Map());
  const count = `log(state.incr("n"), replica, cpu_percent, memory_percent)`;
  alerts.setScripts({ scripts: [rule("down", DOWN), rule("count", count)], disabled: new Set() });
  await alerts.take([sample("a", 2), sample("b", 3)]);
  expect(said).toEqual([
    expect.objectContaining({
      state: "raised",
      alertSeverity: "critical",
      alertMessage: "down",
      rule: "down",
      to: "log",
      replica: "b",
      project: "p1",
      deploy_id: "d1",
      unhealthy_count: 3,
      response_time_ms: 7,
    }),
  ]);
  expect(lines.map(({ text }) => text)).toEqual(["1 a 150 25", "2 b 150 25"]);
  await alerts.take([sample("b", 4)]);
  expect(said).toHaveLength(1);
  await alerts.take([sample("b", 0), sample("b", 0), sample("b", 0)]);
  expect(said.map(({ state }) => state)).toEqual(["raised", "resolved"]);
});

test("a receiver that nobody configured is named in the log", async () => {
  const { alerts, said } = rig();
  alerts.setScripts({
    scripts: [rule("down", `alert("info", "hello", "ops")`)],
    disabled: new Set(),
  });
  await alerts.take([sample("a", 0)]);
  expect(said[0]).toMatchObject({ to: "ops (no such webhook in BIFROST_ALERT_WEBHOOKS)" });
  expect(alerts.unknownTargets).toBe(1);
});

test("a rule whose messages never repeat is heard so often and no more", async () => {
  const { alerts, said } = rig();
  const source = `for i = 1, 16 do alert("info", "at " .. state.incr("n")) end`;
  alerts.setScripts({ scripts: [rule("noisy", source)], disabled: new Set() });
  await alerts.take(Array.from({ length: 100 }, (_, at) => sample(`r${at}`, 0)));
  expect(alerts.muted).toBeGreaterThan(1000);
  expect(said.length + alerts.muted).toBe(1600);
});

test("a rule that keeps failing is out of service with its line, and the others go on", async () => {
  const { alerts, said, faults, lines, child } = rig();
  alerts.setScripts({
    scripts: [rule("bad", "local x = 1\nx = x + nothing", 4), rule("down", DOWN)],
    disabled: new Set(),
  });
  for (let i = 0; i < 12; i++) await alerts.take([sample("a", 3)]);
  expect(faults).toMatchObject([{ script: "bad", version: 4, kind: "error", line: 2 }]);
  expect(child.errors).toBe(10);
  expect(lines[0]?.text).toContain("bad:2: attempt to perform arithmetic on a nil value");
  expect(said).toHaveLength(1);
  expect(child.restarts).toBe(0);
});

test("a rule that loops is stopped by its budget", async () => {
  const { alerts, faults, child } = rig();
  alerts.setScripts({
    scripts: [rule("loop", "while true do pcall(error) end")],
    disabled: new Set(),
  });
  for (let i = 0; i < 6; i++) await alerts.take([sample("a", 0)]);
  expect(faults).toMatchObject([{ script: "loop", kind: "budget", line: 1 }]);
  expect(child.restarts).toBe(0);
});

test("a rule that holds its process up is disabled by name, and the others go on in a new process", async () => {
  // Below the budget of a rule, so that the sentinel sees a call that does not come back.
  const { alerts, faults, said, child } = rig(100);
  alerts.setScripts({
    scripts: [rule("stuck", "while true do end", 2), rule("down", DOWN)],
    disabled: new Set(),
  });
  await vi.waitFor(
    async () => {
      await alerts.take([sample("a", 3)]);
      expect(faults).toHaveLength(1);
    },
    { timeout: 20_000 },
  );
  expect(faults).toMatchObject([{ script: "stuck", version: 2, kind: "stuck" }]);
  await vi.waitFor(() => expect(child.pid).not.toBeNull(), { timeout: 20_000 });
  expect(child.restarts).toBe(1);
  await alerts.take([sample("a", 3)]);
  expect(said).toMatchObject([{ rule: "down", replica: "a" }]);
  expect(faults).toHaveLength(1);
});

test("a process that is killed is followed by another one", async () => {
  const { alerts, said, child } = rig();
  alerts.setScripts({ scripts: [rule("down", DOWN)], disabled: new Set() });
  await alerts.take([sample("a", 0)]);
  const before = child.pid;
  // 0 would be the whole group of this process.
  if (before === null) throw new Error("there is no process");
  process.kill(before, "SIGKILL");
  await vi.waitFor(() => expect(child.restarts).toBe(1), { timeout: 20_000 });
  await vi.waitFor(() => expect(child.pid).not.toBeNull(), { timeout: 20_000 });
  await alerts.take([sample("a", 3)]);
  expect(said).toHaveLength(1);
});

test("a rule that held its process up may come back after it was out of service", async () => {
  const { alerts, faults } = rig(100);
  const stuck = rule("stuck", "while true do end", 2);
  const put = (...scripts: PolicyScript[]) => alerts.setScripts({ scripts, disabled: new Set() });
  put(stuck);
  await alerts.take([sample("a", 3)]);
  put();
  put(stuck);
  await vi.waitFor(
    async () => {
      await alerts.take([sample("a", 3)]);
      expect(faults).toHaveLength(2);
    },
    { timeout: 20_000 },
  );
});

test("without rules there is no process", async () => {
  const { alerts, child } = rig();
  alerts.setScripts({
    scripts: [{ ...rule("request", "x"), kind: "request" }],
    disabled: new Set(),
  });
  await alerts.take([sample("a", 3)]);
  expect(child.pid).toBeNull();
});

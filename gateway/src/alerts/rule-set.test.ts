import type { PolicyScript } from "@bifrost/shared/domain/policy";
import { expect, test } from "vitest";
import { NO_MARKER } from "../policies/policy-host.ts";
import { lua } from "../testing/policy-rig.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import type { PolicyFault, PolicyLogLine } from "../workers/policy-runtime.ts";
import type { AlertSample } from "./alert-messages.ts";
import { RuleSet } from "./rule-set.ts";

function rig(...scripts: readonly PolicyScript[]) {
  const faults: PolicyFault[] = [];
  const lines: PolicyLogLine[] = [];
  const rules = new RuleSet({
    lua,
    marker: NO_MARKER,
    clock: virtualTimers(),
    onLog: (line) => lines.push(line),
    onFault: (fault) => faults.push(fault),
    ruleMs: 200,
  });
  rules.replace(scripts);
  return { rules, faults, lines };
}

function rule(name: string, source: string, teamId?: string): PolicyScript {
  return { name, kind: "alert", version: 1, source, ...(teamId === undefined ? {} : { teamId }) };
}

function sample(replica: string, teamId: string | null = null): AlertSample {
  const values = {
    healthy: true,
    response_time_ms: 1,
    cpu_percent: 1,
    memory_percent: 1,
    memory_bytes: 1,
    unhealthy_count: 0,
    deploy_id: "deployment",
    project: "project",
    replica,
  };
  return { values, teamId };
}

test("a team's rule sees the replicas of its team, one of the platform sees all of them", () => {
  const tell = `alert("info", replica)`;
  const { rules } = rig(
    rule("own", tell, "one"),
    rule("other", tell, "two"),
    rule("platform", tell),
  );
  const { verdicts } = rules.run([sample("a", "one"), sample("b", "two"), sample("c")]);
  expect(verdicts.map((said) => [said.rule, said.raised[0]?.message])).toEqual([
    ["own", "a"],
    ["other", "b"],
    ["platform", "a"],
    ["platform", "b"],
    ["platform", "c"],
  ]);
});

test("a rule that is late for three batches in a row is out of service, and the others hear every sample", () => {
  const slow = `for i = 1, 1e6 do local x = i * i end`;
  const { rules, faults, lines } = rig(rule("slow", slow), rule("quick", `alert("info", "here")`));
  const samples = Array.from({ length: 60 }, (_, at) => sample(`r${at}`));
  const heard = Array.from({ length: 4 }, () => {
    const { verdicts } = rules.run(samples);
    return ["slow", "quick"].map((name) => verdicts.filter((said) => said.rule === name).length);
  });
  expect(heard.map(([, quick]) => quick)).toEqual([60, 60, 60, 60]);
  expect(heard[0]?.[0]).toBeLessThan(60);
  expect(heard[3]?.[0]).toBe(0);
  expect(faults).toMatchObject([{ script: "slow", kind: "budget" }]);
  expect(lines[0]?.text).toMatch(/^slow: took more than 200 ms for one batch of samples/);
});

test("a rule that logs without end is heard as often as it may", () => {
  const { rules, lines } = rig(rule("chatty", `for i = 1, 1000 do log(i) end`));
  rules.run([sample("a"), sample("b")]);
  expect(lines.map(({ text }) => text)).toEqual(Array.from({ length: 50 }, (_, at) => `${at + 1}`));
});

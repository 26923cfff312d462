/** Judges a policy: it must load, have a handler, pass its tests and stand the requests served lately. */
import type { LuaInstance } from "../../lua/lua-instance.ts";
import { PolicyError, type PolicyErrorKind } from "../../lua/policy-error.ts";
import type { Candidate, CheckResult } from "../policy-checker.ts";
import { runPolicyTests } from "../testing/run-policy-tests.ts";
import { type PolicyConfig, Trial } from "../testing/trial.ts";
import { runCanary } from "./canary.ts";
import type { CheckOptions } from "./check-options.ts";
import { describeError, describeTests } from "./describe.ts";

/** Settings tried at most; each takes a replay of its own. */
const MAX_CONFIGS = 4;

export function checkPolicy({ lua, candidate, onPhase }: CheckOptions): CheckResult {
  const { script, test, requests, inService, configs: attached } = candidate;
  onPhase("load");
  const syntax = problemOfLoading(lua, candidate, {});
  if (syntax?.kind === "load") return { passed: false, report: syntax.report };

  onPhase("tests");
  const tests = test === null ? null : runPolicyTests({ lua, script, test });
  const testLines = tests === null ? ["it has no unit tests"] : describeTests(tests.results);
  const testsPassed = tests === null || tests.results.every(({ failure }) => failure === null);

  onPhase("load");
  const configs = settingsToTry(attached, tests?.configs ?? []);
  const problems = configs.flatMap(
    (config) => problemOfLoading(lua, candidate, config)?.report ?? [],
  );
  if (problems.length > 0) return { passed: false, report: [...problems, ...testLines] };

  onPhase("canary");
  const canaries = configs.map((config) =>
    runCanary({ lua, candidate: script, inService, requests, config }),
  );
  return {
    passed: testsPassed && canaries.every(({ passed }) => passed),
    report: [
      ...testLines,
      ...canaries.flatMap(({ report }, at) => [...withSettings(configs[at] ?? {}), ...report]),
    ],
  };
}

/** Those it is attached with, otherwise those its tests use, otherwise none. */
function settingsToTry(
  attached: readonly PolicyConfig[],
  tested: readonly PolicyConfig[],
): readonly PolicyConfig[] {
  const found = attached.length > 0 ? attached : tested;
  return found.length > 0 ? found.slice(0, MAX_CONFIGS) : [{}];
}

interface LoadProblem {
  readonly kind: PolicyErrorKind;
  readonly report: readonly string[];
}

function problemOfLoading(
  lua: LuaInstance,
  { script }: Candidate,
  config: PolicyConfig,
): LoadProblem | null {
  const trial = new Trial(lua, script, config);
  try {
    const { handlesRequests, handlesResponses } = trial.load();
    if (handlesRequests || handlesResponses) return null;
    const report = [`${script.name}: has neither on_request nor on_response, and so does nothing`];
    return { kind: "error", report };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const isBare = Object.keys(config).length === 0 && error.kind === "error";
    const hint = "a test that calls configure{...} says with which settings to try it";
    const report = [...withSettings(config), describeError(error), ...(isBare ? [hint] : [])];
    return { kind: error.kind, report };
  } finally {
    trial.close();
  }
}

/** Their names alone: values may be secrets, and reports are read by many. */
function withSettings(config: PolicyConfig): readonly string[] {
  const names = Object.keys(config);
  return names.length === 0 ? [] : [`with settings for ${names.join(", ")}:`];
}

/**
 * Runs the unit tests of a policy, `<name>_test.lua`: every function `test_*` in alphabetical order, each in a Lua state of
 * its own and on a fresh VM of the policy, in the sandbox that holds in service.
 */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { LuaInstance } from "../../lua/lua-instance.ts";
import { DEFAULT_LIMITS, LuaState } from "../../lua/lua-state.ts";
import { PolicyError } from "../../lua/policy-error.ts";
import { closeSandbox } from "../../lua/sandbox.ts";
import { TestFunctions } from "./test-functions.ts";
import { TEST_PRELUDE } from "./test-prelude.ts";
import { type PolicyConfig, Trial } from "./trial.ts";

/** For all tests of a file together. */
const FILE_BUDGET_MS = 5000;

export interface TestFailure {
  readonly message: string;
  readonly script: string;
  readonly line: number | null;
  /** One frame a line, innermost first. */
  readonly stack: string;
}

export interface TestResult {
  /** The name of its function; null = the file itself did not load. */
  readonly name: string | null;
  /** null = passed. */
  readonly failure: TestFailure | null;
}

export interface TestRun {
  readonly results: readonly TestResult[];
  /** Settings that the tests used and the policy accepted. */
  readonly configs: readonly PolicyConfig[];
}

export interface TestRunOptions {
  readonly lua: LuaInstance;
  readonly script: PolicyScript;
  readonly test: string;
  readonly budgetMs?: number;
}

export function runPolicyTests(options: TestRunOptions): TestRun {
  const { script, budgetMs = FILE_BUDGET_MS } = options;
  const startedAt = performance.now();
  const left = () => budgetMs - (performance.now() - startedAt);
  const configs = new Map<string, PolicyConfig>();
  const listing = attempt(options, left(), null, configs);
  if (listing.failure !== null) {
    return { results: [{ name: null, failure: listing.failure }], configs: [] };
  }
  const names = listing.found.toSorted();
  if (names.length === 0) {
    const message = "has no test: it needs functions whose names begin with test_";
    return { results: [{ name: null, failure: failureIn(script, message) }], configs: [] };
  }
  const results = names.map((name) => {
    const remaining = left();
    if (remaining > 0) {
      return { name, failure: attempt(options, remaining, name, configs).failure };
    }
    const message = `was not run: the ${budgetMs} ms for all tests of a file were used up`;
    return { name, failure: failureIn(script, message) };
  });
  return { results, configs: [...configs.values()] };
}

interface Attempt {
  readonly found: readonly string[];
  readonly failure: TestFailure | null;
}

/** Loads the file and runs one test of it; null only lists them. */
function attempt(
  { lua, script, test }: TestRunOptions,
  budgetMs: number,
  name: string | null,
  configs: Map<string, PolicyConfig>,
): Attempt {
  const trial = new Trial(lua, script);
  const functions = new TestFunctions(trial, (config) =>
    configs.set(JSON.stringify(config), config),
  );
  const state = new LuaState(lua, testName(script), { ...DEFAULT_LIMITS, budgetMs });
  try {
    closeSandbox(state);
    functions.defineIn(state);
    state.run(TEST_PRELUDE, "[tests]");
    const listSlot = state.park("host_list_tests");
    const runSlot = state.park("host_run_test");
    state.run("host_list_tests, host_run_test = nil", "[tests]");
    state.run(test);
    state.pushParked(name === null ? listSlot : runSlot);
    if (name !== null) state.pushText(name);
    state.call(name === null ? 0 : 1, 0);
    return { found: functions.found, failure: null };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { reason: message, script: at, line, luaStack: stack } = error;
    return { found: [], failure: { message, script: at, line, stack } };
  } finally {
    trial.close();
    state.close();
  }
}

/** As messages name the file. */
function testName({ name }: PolicyScript): string {
  return `${name}_test`;
}

function failureIn(script: PolicyScript, message: string): TestFailure {
  return { message, script: testName(script), line: null, stack: "" };
}

/** Replays recorded requests on a candidate and, to tell what would change, on the version in service. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { LuaInstance } from "../../lua/lua-instance.ts";
import { PolicyError } from "../../lua/policy-error.ts";
import type { RecordedRequest } from "../../workers/request-ring.ts";
import { type Decision, type PolicyConfig, Trial } from "../testing/trial.ts";

/** Between two requests, by the clock that scripts see. */
const STEP_MS = 100;
/** Differences that are spelled out. */
const MAX_SHOWN = 5;

export interface CanaryOptions {
  readonly lua: LuaInstance;
  readonly candidate: PolicyScript;
  readonly inService: PolicyScript | null;
  readonly requests: readonly RecordedRequest[];
  readonly config: PolicyConfig;
}

export interface CanaryResult {
  readonly passed: boolean;
  readonly report: readonly string[];
}

interface Outcome {
  readonly decision: Decision | null;
  readonly error: PolicyError | null;
  readonly spentMs: number;
}

export function runCanary(options: CanaryOptions): CanaryResult {
  const { lua, candidate, inService, requests, config } = options;
  if (requests.length === 0) {
    return { passed: true, report: ["no request was recorded yet to be replayed"] };
  }
  const outcomes = replay(lua, candidate, config, requests);
  const former = inService === null ? null : replay(lua, inService, config, requests);
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const report = [
    `of ${requests.length} recorded requests: ${tally(outcomes)}`,
    timing(outcomes),
    ...errorLines(errors),
    ...(former === null || inService === null
      ? []
      : differences(requests, outcomes, former, inService.version)),
  ];
  return { passed: errors.length === 0, report };
}

function replay(
  lua: LuaInstance,
  script: PolicyScript,
  config: PolicyConfig,
  requests: readonly RecordedRequest[],
): readonly Outcome[] {
  const trial = new Trial(lua, script, config);
  try {
    return requests.map((request, index) => {
      trial.advance(STEP_MS);
      return attempt(trial, request, index);
    });
  } finally {
    trial.close();
  }
}

function attempt(trial: Trial, request: RecordedRequest, index: number): Outcome {
  const { method, target, host, ip, projectId, headers, status } = request;
  const made = { method, target, host, ip, projectId, headers, scheme: "https" as const };
  const startedAt = performance.now();
  try {
    const decision = trial.request({ ...made, id: `recorded-${index}` });
    // What the app sent is not recorded but for its status.
    if (decision.kind === "forward") trial.respond({ status, headers: [] });
    return { decision, error: null, spentMs: performance.now() - startedAt };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { decision: null, error, spentMs: performance.now() - startedAt };
  }
}

/** `118 forwarded, 2 denied`. */
function tally(outcomes: readonly Outcome[]): string {
  const words = { forward: "forwarded", deny: "denied", redirect: "redirected", failed: "failed" };
  const counts = Object.entries(words).map(([kind, word]) => {
    const count = outcomes.filter(({ decision }) => (decision?.kind ?? "failed") === kind).length;
    return count === 0 ? null : `${count} ${word}`;
  });
  return counts.filter((text) => text !== null).join(", ");
}

function timing(outcomes: readonly Outcome[]): string {
  const sorted = outcomes.map(({ spentMs }) => spentMs).toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const most = sorted.at(-1) ?? 0;
  return `time of a request: median ${median.toFixed(3)} ms, at most ${most.toFixed(3)} ms`;
}

/** Each distinct one, with how often it came up. */
function errorLines(errors: readonly PolicyError[]): readonly string[] {
  const byMessage = new Map<string, PolicyError[]>();
  for (const error of errors) {
    byMessage.set(error.message, [...(byMessage.get(error.message) ?? []), error]);
  }
  return [...byMessage].slice(0, MAX_SHOWN).flatMap(([message, same]) => {
    const stack = (same[0]?.luaStack ?? "").split("\n").filter((frame) => frame !== "");
    return [`${message} (${same.length} times)`, ...stack.map((frame) => `  ${frame}`)];
  });
}

function differences(
  requests: readonly RecordedRequest[],
  now: readonly Outcome[],
  before: readonly Outcome[],
  version: number,
): readonly string[] {
  const different = requests.flatMap((request, index) => {
    const [was, is] = [describe(before[index]), describe(now[index])];
    return was.all === is.all ? [] : [{ request, was, is }];
  });
  if (different.length === 0) return [`none differs from version ${version}`];
  const shown = different.slice(0, MAX_SHOWN).map(({ request: { method, target }, was, is }) => {
    const rest = was.text === is.text ? " with other headers or another body" : "";
    return `  ${method} ${target.slice(0, 200)} was ${was.text}, now ${is.text}${rest}`;
  });
  const more = different.length - shown.length;
  return [
    `${different.length} ${different.length === 1 ? "differs" : "differ"} from version ${version}:`,
    ...shown,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function describe(outcome: Outcome | undefined): { readonly text: string; readonly all: string } {
  const decision = outcome?.decision ?? null;
  if (decision === null) return { text: "failed", all: "failed" };
  const { kind, status, location, target, path } = decision;
  const all = JSON.stringify(decision);
  if (kind === "deny") return { text: `denied ${status}`, all };
  if (kind === "redirect") return { text: `redirected ${status} to ${location}`, all };
  return { text: `forwarded${target === null ? "" : ` to ${target}`} as ${path}`, all };
}

/** The alert rules of one process: each in a VM of its own, run over samples one after another. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { Clock } from "@bifrost/shared/domain/time";
import type { LuaInstance } from "../lua/lua-instance.ts";
import { PolicyError } from "../lua/policy-error.ts";
import { SharedState } from "../lua/shared-state.ts";
import type { ScriptMarker } from "../policies/policy-host.ts";
import { Breaker } from "../policies/breaker.ts";
import { TokenBucket } from "../telemetry/token-bucket.ts";
import type { PolicyFault, PolicyLogLine } from "../workers/policy-runtime.ts";
import type { AlertSample, RuleVerdict } from "./alert-messages.ts";
import { AlertVm } from "./alert-vm.ts";

/** Of one rule, for the samples of one batch: rules wait for each other ... */
const RULE_MS = 1000;
/** ... and who asked waits for all of them, but not for ever. */
const BATCH_MS = 15_000;
/** In a row, and the rule is out of service. */
const MAX_LATE = 3;
/** Lines a rule may log, its errors among them. */
const LOG_PER_SECOND = 10;
const LOG_BURST = 50;

export interface RuleSetOptions {
  readonly lua: LuaInstance;
  readonly marker: ScriptMarker;
  readonly clock: Clock;
  readonly onLog: (line: PolicyLogLine) => void;
  /** A rule was taken out of service here; said once. */
  readonly onFault: (fault: PolicyFault) => void;
  /** For one rule and one batch. */
  readonly ruleMs?: number;
}

interface Rule {
  readonly script: PolicyScript;
  /** Under which the marker knows it. */
  readonly number: number;
  readonly breaker: Breaker;
  vm: AlertVm | null;
  lateBatches: number;
}

export class RuleSet {
  private readonly options: RuleSetOptions;
  private rules = new Map<string, Rule>();
  /** By name: what a rule keeps outlives its versions. */
  private readonly states = new Map<string, SharedState>();
  private readonly logs = new Map<string, TokenBucket>();
  private nextNumber = 1;

  constructor(options: RuleSetOptions) {
    this.options = options;
  }

  /** All rules from now on; what did not change stays as it is. */
  replace(scripts: readonly PolicyScript[]): void {
    const rules = new Map<string, Rule>();
    for (const script of scripts) {
      const known = this.rules.get(script.name);
      const isSame = known !== undefined && isSameScript(known.script, script);
      // The name of a deleted rule may be another team's by now.
      if (known?.script.teamId !== script.teamId) this.states.delete(script.name);
      rules.set(script.name, isSame ? known : this.open(script));
    }
    for (const [name, rule] of this.rules) if (rules.get(name) !== rule) rule.vm?.close();
    this.rules = rules;
    for (const kept of [this.states, this.logs])
      for (const name of kept.keys()) if (!rules.has(name)) kept.delete(name);
  }

  /** A rule that fails on a sample says nothing of it, and one that has used up its time nothing of those that follow. */
  run(samples: readonly AlertSample[]): { verdicts: readonly RuleVerdict[]; errors: number } {
    const verdicts: RuleVerdict[] = [];
    let errors = 0;
    const { ruleMs = RULE_MS } = this.options;
    const budgetMs = Math.min(ruleMs, BATCH_MS / this.rules.size);
    for (const [name, rule] of this.rules) {
      const { script, breaker, vm } = rule;
      if (vm === null) continue;
      const { teamId } = script;
      const endsAt = performance.now() + budgetMs;
      let isLate = false;
      for (const [sample, { values, teamId: owner }] of samples.entries()) {
        if (breaker.isOut || isLate) break;
        if (teamId !== undefined && teamId !== owner) continue;
        breaker.calls++;
        try {
          const raised = this.marked(rule, () => vm.run(values));
          verdicts.push({ rule: name, sample, raised });
        } catch (error) {
          errors++;
          this.failed(rule, error);
        }
        isLate = performance.now() > endsAt;
      }
      rule.lateBatches = isLate ? rule.lateBatches + 1 : 0;
      if (isLate) this.late(rule, budgetMs);
    }
    return { verdicts, errors };
  }

  private open(script: PolicyScript): Rule {
    const { lua, marker } = this.options;
    const { name, version, source } = script;
    const number = this.nextNumber++;
    marker.announce(number, name, version);
    const state = this.states.get(name) ?? new SharedState();
    this.states.set(name, state);
    const log = (text: string) => this.log(script, text);
    const rule: Rule = { script, number, breaker: new Breaker(), vm: null, lateBatches: 0 };
    try {
      rule.vm = this.marked(rule, () => new AlertVm(lua, { name, source, state, log }));
    } catch (error) {
      this.failed(rule, error);
    }
    return rule;
  }

  private marked<T>({ number }: Rule, task: () => T): T {
    this.options.marker.enter(number);
    try {
      return task();
    } finally {
      this.options.marker.leave();
    }
  }

  private log({ name: script, version }: PolicyScript, text: string): void {
    const { clock, onLog } = this.options;
    const now = clock.now();
    const bucket = this.logs.get(script) ?? new TokenBucket(LOG_PER_SECOND, LOG_BURST, now);
    this.logs.set(script, bucket);
    if (bucket.take(1, now) === 0) onLog({ script, version, text });
  }

  private late({ script: of, breaker, lateBatches }: Rule, budgetMs: number): void {
    const { name: script, version } = of;
    const message = `took more than ${Math.floor(budgetMs)} ms for one batch of samples and was not asked about the rest`;
    this.log(of, `${script}: ${message}`);
    if (lateBatches < MAX_LATE || breaker.isOut) return;
    breaker.isOut = true;
    const fault = { kind: "budget", script, version, line: null, message, stack: null };
    this.options.onFault(fault);
  }

  private failed({ script: of, breaker }: Rule, error: unknown): void {
    // Anything else is a defect of the platform: the process ends, and the next one begins anew.
    if (!(error instanceof PolicyError)) throw error;
    const { name: script, version } = of;
    const { kind, line, reason: message, luaStack: stack } = error;
    this.log(of, `${error.message}${stack === "" ? "" : `\n${stack}`}`);
    if (breaker.failed(error)) {
      this.options.onFault({ kind, script, version, line, message, stack });
    }
  }
}

function isSameScript(one: PolicyScript, other: PolicyScript): boolean {
  return (
    one.version === other.version && one.source === other.source && one.teamId === other.teamId
  );
}

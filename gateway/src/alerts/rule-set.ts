/** The alert rules of one process: each in a VM of its own, run over samples one after another. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { Clock } from "@bifrost/shared/domain/time";
import type { LuaInstance } from "../lua/lua-instance.ts";
import { PolicyError } from "../lua/policy-error.ts";
import { SharedState } from "../lua/shared-state.ts";
import type { ScriptMarker } from "../policies/policy-host.ts";
import { ScriptRecord } from "../policies/script-record.ts";
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
  readonly record: ScriptRecord;
  readonly vm: AlertVm | null;
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
      const isSame = known !== undefined && isSameScript(known.record.script, script);
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
      const { record, vm } = rule;
      if (vm === null) continue;
      const { teamId } = record.script;
      const endsAt = performance.now() + budgetMs;
      let isLate = false;
      for (const [sample, { values, teamId: owner }] of samples.entries()) {
        if (record.isOut || isLate) break;
        if (teamId !== undefined && teamId !== owner) continue;
        record.calls++;
        try {
          const raised = this.marked(record, () => vm.run(values));
          verdicts.push({ rule: name, sample, raised });
        } catch (error) {
          errors++;
          this.failed(record, error);
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
    const record = new ScriptRecord(script, this.nextNumber++);
    marker.announce(record.number, name, version);
    const state = this.states.get(name) ?? new SharedState();
    this.states.set(name, state);
    const log = (text: string) => this.log(script, text);
    try {
      return {
        record,
        vm: this.marked(record, () => new AlertVm(lua, { name, source, state, log })),
        lateBatches: 0,
      };
    } catch (error) {
      this.failed(record, error);
      return { record, vm: null, lateBatches: 0 };
    }
  }

  private marked<T>({ number }: ScriptRecord, task: () => T): T {
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

  private late({ record, lateBatches }: Rule, budgetMs: number): void {
    const { name: script, version } = record.script;
    const message = `took more than ${Math.floor(budgetMs)} ms for one batch of samples and was not asked about the rest`;
    this.log(record.script, `${script}: ${message}`);
    if (lateBatches < MAX_LATE || record.isOut) return;
    record.isOut = true;
    const fault = { kind: "budget", script, version, line: null, message, stack: null };
    this.options.onFault(fault);
  }

  private failed(record: ScriptRecord, error: unknown): void {
    // Anything else is a defect of the platform: the process ends, and the next one begins anew.
    if (!(error instanceof PolicyError)) throw error;
    const { name: script, version } = record.script;
    const { kind, line, reason: message, luaStack: stack } = error;
    this.log(record.script, `${error.message}${stack === "" ? "" : `\n${stack}`}`);
    if (record.failed(error)) {
      this.options.onFault({ kind, script, version, line, message, stack });
    }
  }
}

function isSameScript(one: PolicyScript, other: PolicyScript): boolean {
  return (
    one.version === other.version && one.source === other.source && one.teamId === other.teamId
  );
}

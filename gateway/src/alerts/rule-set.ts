/** The alert rules of one process: each in a VM of its own, run over samples one after another. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { LuaInstance } from "../lua/lua-instance.ts";
import { PolicyError } from "../lua/policy-error.ts";
import { SharedState } from "../lua/shared-state.ts";
import type { ScriptMarker } from "../policies/policy-host.ts";
import { ScriptRecord } from "../policies/script-record.ts";
import type { PolicyFault, PolicyLogLine } from "../workers/policy-runtime.ts";
import type { RuleVerdict } from "./alert-messages.ts";
import type { AlertValues } from "./alert-values.ts";
import { AlertVm } from "./alert-vm.ts";

export interface RuleSetOptions {
  readonly lua: LuaInstance;
  readonly marker: ScriptMarker;
  readonly onLog: (line: PolicyLogLine) => void;
  /** A rule was taken out of service here; said once. */
  readonly onFault: (fault: PolicyFault) => void;
}

interface Rule {
  readonly record: ScriptRecord;
  vm: AlertVm | null;
}

export class RuleSet {
  private readonly options: RuleSetOptions;
  private rules = new Map<string, Rule>();
  /** By name: what a rule keeps outlives its versions. */
  private readonly states = new Map<string, SharedState>();
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
    for (const name of this.states.keys()) if (!rules.has(name)) this.states.delete(name);
  }

  /** A rule that fails on a sample says nothing of it. */
  run(samples: readonly AlertValues[]): { verdicts: readonly RuleVerdict[]; errors: number } {
    const verdicts: RuleVerdict[] = [];
    let errors = 0;
    for (const [sample, values] of samples.entries()) {
      for (const [rule, { record, vm }] of this.rules) {
        if (vm === null || record.isOut) continue;
        record.calls++;
        try {
          verdicts.push({ rule, sample, raised: this.marked(record, () => vm.run(values)) });
        } catch (error) {
          errors++;
          this.failed(record, error);
        }
      }
    }
    return { verdicts, errors };
  }

  private open(script: PolicyScript): Rule {
    const { lua, marker, onLog } = this.options;
    const { name, version, source } = script;
    const record = new ScriptRecord(script, this.nextNumber++);
    marker.announce(record.number, name, version);
    const state = this.states.get(name) ?? new SharedState();
    this.states.set(name, state);
    const log = (text: string) => onLog({ script: name, version, text });
    try {
      return {
        record,
        vm: this.marked(record, () => new AlertVm(lua, { name, source, state, log })),
      };
    } catch (error) {
      this.failed(record, error);
      return { record, vm: null };
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

  private failed(record: ScriptRecord, error: unknown): void {
    // Anything else is a defect of the platform: the process ends, and the next one begins anew.
    if (!(error instanceof PolicyError)) throw error;
    const { name: script, version } = record.script;
    const { kind, line, reason: message, luaStack: stack } = error;
    this.options.onLog({
      script,
      version,
      text: `${error.message}${stack === "" ? "" : `\n${stack}`}`,
    });
    if (record.failed(error)) {
      this.options.onFault({ kind, script, version, line, message, stack });
    }
  }
}

function isSameScript(one: PolicyScript, other: PolicyScript): boolean {
  return one.version === other.version && one.source === other.source;
}

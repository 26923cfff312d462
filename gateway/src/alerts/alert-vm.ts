/**
 * An alert rule made ready to run: the script runs from top to bottom for each sample, whose values are its globals. Beside
 * Lua's libraries it has `alert(severity, message, to)`, `state.get/set/incr` and `log(...)`.
 */
import type { LuaInstance } from "../lua/lua-instance.ts";
import { HostRefusal, utf8Bytes, utf8Text } from "../lua/lua-stack.ts";
import { type LuaLimits, LuaState } from "../lua/lua-state.ts";
import { LOG_AND_STATE } from "../lua/prelude.ts";
import { closeSandbox } from "../lua/sandbox.ts";
import type { SharedState } from "../lua/shared-state.ts";
import {
  type AlertValues,
  LOG_TARGET,
  type RaisedAlert,
  SEVERITIES,
  VALUE_NAMES,
} from "./alert-values.ts";

/** More than a policy has: nobody waits for a rule. */
const ALERT_LIMITS: LuaLimits = { maxMemoryBytes: 4 * 1024 * 1024, budgetMs: 400 };

const MAX_ALERTS = 16;
const MAX_MESSAGE = 512;
const MAX_LOG = 1024;
const TARGET = /^[a-z][a-z0-9_-]{0,62}$/;

const PRELUDE = String.raw`
local concat, select, text_of = table.concat, select, tostring
${LOG_AND_STATE}function host_sample(...)
  ${VALUE_NAMES.join(", ")} = ...
end
`;

export interface AlertVmOptions {
  readonly name: string;
  readonly source: string;
  readonly state: SharedState;
  readonly log: (line: string) => void;
}

export class AlertVm {
  private readonly state: LuaState;
  private readonly options: AlertVmOptions;
  private readonly sampleSlot: number;
  private readonly ruleSlot: number;
  private raised: RaisedAlert[] = [];

  /** Throws a PolicyError when the script does not compile; nothing of it runs yet. */
  constructor(lua: LuaInstance, options: AlertVmOptions) {
    this.options = options;
    const state = new LuaState(lua, options.name, ALERT_LIMITS);
    this.state = state;
    try {
      closeSandbox(state);
      for (const [name, target] of Object.entries(this.api())) state.define(name, target);
      state.run(PRELUDE, "[api]");
      this.sampleSlot = state.park("host_sample");
      state.run("host_sample = nil", "[api]");
      this.ruleSlot = state.parkChunk(options.source);
    } catch (error) {
      state.close();
      throw error;
    }
  }

  /** Throws a PolicyError when the script fails; what it raised before is lost. */
  run(values: AlertValues): readonly RaisedAlert[] {
    const { state } = this;
    this.raised = [];
    state.pushParked(this.sampleSlot);
    for (const name of VALUE_NAMES) {
      const value = values[name];
      state.pushScalar(typeof value === "string" ? utf8Bytes(value) : value);
    }
    state.call(VALUE_NAMES.length, 0);
    state.pushParked(this.ruleSlot);
    state.call(0, 0);
    return this.raised;
  }

  close(): void {
    this.state.close();
  }

  private api() {
    const { state: kept, log } = this.options;
    return {
      alert: this.alert,
      log(state: LuaState): number {
        log(utf8Text(text(state, 1, "text").slice(0, MAX_LOG)));
        return 0;
      },
      state_get(state: LuaState): number {
        state.pushScalar(kept.get(text(state, 1, "a key")));
        return 1;
      },
      state_set(state: LuaState): number {
        kept.set(text(state, 1, "a key"), state.scalarAt(2));
        return 0;
      },
      state_incr(state: LuaState): number {
        const by = state.isNumber(2) ? state.numberAt(2) : 1;
        state.pushScalar(kept.increment(text(state, 1, "a key"), by));
        return 1;
      },
    };
  }

  private readonly alert = (state: LuaState): number => {
    const given = text(state, 1, "alert: the severity");
    const severity = SEVERITIES.find((known) => known === given);
    if (severity === undefined) {
      throw new HostRefusal(`alert takes ${SEVERITIES.join(", ")} as severity, not "${given}"`);
    }
    const message = utf8Text(text(state, 2, "alert: the message")).slice(0, MAX_MESSAGE);
    const to = state.count < 3 ? LOG_TARGET : text(state, 3, "alert: whom to tell");
    if (!TARGET.test(to))
      throw new HostRefusal(`alert takes "log" or a webhook's name, not "${to}"`);
    if (this.raised.length >= MAX_ALERTS) {
      throw new HostRefusal(`a rule raises at most ${MAX_ALERTS} alerts for a sample`);
    }
    this.raised.push({ severity, message, to });
    return 0;
  };
}

function text(state: LuaState, index: number, what: string): string {
  const value = state.textAt(index);
  if (value === null) throw new HostRefusal(`${what} must be a string`);
  return value;
}

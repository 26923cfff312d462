/** The engine that runs policies: loaded only where a policy is in use, because it takes memory and time to start. */
import type { ScriptStats } from "../policies/script-record.ts";
import type {
  PolicyCounts,
  PolicyRuntime,
  PolicySet,
  StartPolicyRuntime,
} from "./policy-runtime.ts";
import { scriptKey } from "./policy-runtime.ts";

export const startPolicies: StartPolicyRuntime = async (options) => {
  const [{ loadLua }, { PlaneLimits }, { PolicyHost }] = await Promise.all([
    import("../lua/lua-instance.ts"),
    import("../limits/plane-limits.ts"),
    import("../policies/policy-host.ts"),
  ]);
  const { timers, marker, onFault, onLog, tellLimits } = options;
  const lua = await loadLua();
  // It is answered at once: from here to the end nothing may wait.
  const limiter = new PlaneLimits(timers, tellLimits);
  const host = new PolicyHost({
    lua,
    timers,
    limiter,
    marker,
    log: ({ name: script, version, text }) => onLog({ script, version, text }),
    onFault({ name: script, version, error }) {
      const { kind, line, reason: message, luaStack: stack } = error;
      onFault({ kind, script, version, line, message, stack });
    },
  });
  const counter = new CallCounter(() => host.stats());
  return {
    chainOf: host.chainOf,
    load({ scripts, disabled }: PolicySet) {
      host.replaceScripts(scripts);
      for (const script of scripts) {
        if (disabled.has(scriptKey(script))) host.disable(script.name, script.version);
      }
    },
    takeCounts: () => counter.take(),
    limiterKeys: () => limiter.keys,
    hearLimits: (message) => limiter.hear(message),
    close() {
      limiter.close();
      host.close();
    },
  } satisfies PolicyRuntime;
};

/** Turns counters that only grow into what was added. */
class CallCounter {
  private readonly stats: () => readonly ScriptStats[];
  private told = new Map<string, PolicyCounts>();

  constructor(stats: () => readonly ScriptStats[]) {
    this.stats = stats;
  }

  take(): ReadonlyMap<string, PolicyCounts> {
    const now = new Map(
      this.stats().map((script): [string, PolicyCounts] => [
        scriptKey(script),
        { calls: script.calls, errors: script.errors, overBudget: script.budgetKills },
      ]),
    );
    const added = new Map(
      [...now].map(([key, counts]) => [key, since(this.told.get(key), counts)]),
    );
    this.told = now;
    return added;
  }
}

function since(former: PolicyCounts | undefined, now: PolicyCounts): PolicyCounts {
  // A script that was taken out and came back counts anew.
  if (former === undefined || former.calls > now.calls) return now;
  return {
    calls: now.calls - former.calls,
    errors: now.errors - former.errors,
    overBudget: now.overBudget - former.overBudget,
  };
}

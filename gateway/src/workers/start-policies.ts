/** The engine that runs policies: loaded only where a policy is in use, because it takes memory and time to start. */
import type { ScriptStats } from "../policies/script-record.ts";
import type {
  PolicyCounts,
  PolicyRuntime,
  PolicySet,
  StartPolicyRuntime,
} from "./policy-runtime.ts";
import { scriptKey } from "./policy-runtime.ts";

export const startPolicies: StartPolicyRuntime = async ({ timers, marker, onFault, onLog }) => {
  const [{ loadLua }, { TokenBuckets }, { PolicyHost }] = await Promise.all([
    import("../lua/lua-instance.ts"),
    import("../limits/token-buckets.ts"),
    import("../policies/policy-host.ts"),
  ]);
  const limiter = new TokenBuckets(timers);
  const host = new PolicyHost({
    lua: await loadLua(),
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
    limiterKeys: () => limiter.size,
    takeSpent: () => limiter.takeSpent(),
    applySpent: (spent) => limiter.applySpent(spent),
    close: () => host.close(),
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

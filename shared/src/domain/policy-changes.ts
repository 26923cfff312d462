/** What each event makes of a policy's document: pure, and the same for the API, the gateway and the tests. */
import type { Policy, PolicyEvent, PolicyKind, PolicyVersion } from "./policy.ts";

/** Lines of history that are kept, the newest ones. */
export const MAX_HISTORY = 200;
/** Versions a revert can go back through. */
const MAX_FORMER = 20;
/** Versions that are kept beside those in service and those a revert may reach. */
const MAX_VERSIONS = 50;
/** Longest reason kept in a document. */
const MAX_WHY = 1000;

/** Who acts, when, and for what reason. */
export interface Act {
  readonly by: string;
  readonly at: Date;
  readonly why?: string;
}

export function newPolicy(
  identity: { readonly name: string; readonly kind: PolicyKind; readonly teamId: string | null },
  at: Date,
): Policy {
  return {
    ...identity,
    activeVersion: null,
    formerVersions: [],
    nextVersion: 1,
    fault: null,
    history: [],
    updatedAt: at,
  };
}

/** Takes the next version number. */
export function pushed(policy: Policy, act: Act): Policy {
  const version = policy.nextVersion;
  return recorded({ ...policy, nextVersion: version + 1 }, "push", version, act);
}

export function activated(policy: Policy, version: number, act: Act): Policy {
  if (policy.activeVersion === version) return policy;
  const before = policy.activeVersion === null ? [] : [policy.activeVersion];
  const formerVersions = [...policy.formerVersions.filter((one) => one !== version), ...before];
  return recorded(
    {
      ...policy,
      activeVersion: version,
      formerVersions: formerVersions.filter((one) => one !== version).slice(-MAX_FORMER),
      fault: null,
    },
    "activate",
    version,
    act,
  );
}

/** Back to the version before, or to none; the history names the version that was left. */
export function reverted(policy: Policy, act: Act): Policy {
  return leave(policy, "revert", act);
}

/** The gateway's own revert: `why` becomes the policy's fault. */
export function faulted(policy: Policy, act: Act & { readonly why: string }): Policy {
  const what = policy.formerVersions.length === 0 ? "disabled" : "reverted";
  return { ...leave(policy, what, act), fault: act.why.slice(0, MAX_WHY) };
}

/** Versions that have become too many: neither in service nor within reach of a revert. */
export function outdated(policy: Policy, versions: readonly number[]): readonly number[] {
  const kept = new Set([...policy.formerVersions, policy.activeVersion]);
  const others = versions.filter((one) => !kept.has(one)).toSorted((one, other) => other - one);
  return others.slice(MAX_VERSIONS);
}

/** What a check found, as it is stored; long reports lose their end. */
export function judged(
  version: PolicyVersion,
  verdict: { readonly passed: boolean; readonly report: readonly string[] },
  at: Date,
): PolicyVersion {
  const lines = shortened(verdict.report);
  const left = verdict.report.length - lines.length;
  return {
    ...version,
    verdict: verdict.passed ? "passed" : "failed",
    report: [...lines, ...(left > 0 ? [`and ${left} more lines`] : [])],
    checkedAt: at,
  };
}

const MAX_REPORT_LINES = 100;
const MAX_REPORT_LINE = 4096;
/** Of all lines; up to three times as many bytes, which with all else must fit into one document of a megabyte. */
const MAX_REPORT = 64 * 1024;

function shortened(report: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let room = MAX_REPORT;
  for (const line of report.slice(0, MAX_REPORT_LINES)) {
    const kept = line.slice(0, MAX_REPORT_LINE);
    room -= kept.length;
    if (room < 0) break;
    lines.push(kept);
  }
  return lines;
}

function leave(policy: Policy, what: PolicyEvent["what"], act: Act): Policy {
  const left = policy.activeVersion;
  if (left === null) return policy;
  const formerVersions = policy.formerVersions.slice(0, -1);
  const activeVersion = policy.formerVersions.at(-1) ?? null;
  return recorded({ ...policy, activeVersion, formerVersions, fault: null }, what, left, act);
}

function recorded(policy: Policy, what: PolicyEvent["what"], version: number, act: Act): Policy {
  const event = {
    at: act.at,
    what,
    version,
    by: act.by,
    why: act.why?.slice(0, MAX_WHY) ?? null,
  };
  return {
    ...policy,
    history: [...policy.history, event].slice(-MAX_HISTORY),
    updatedAt: act.at,
  };
}

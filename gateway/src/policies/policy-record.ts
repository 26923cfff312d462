/** One stored policy on this gateway: what it should run, what it has, and what it runs meanwhile. */
import type { Policy, PolicyScript } from "@bifrost/shared/domain/policy";
import { MAX_HISTORY } from "@bifrost/shared/domain/policy-changes";
import type { Timer } from "@bifrost/shared/domain/time";
import { type Wanted, wantedVersion } from "./wanted-version.ts";

/** A script as data planes get it. */
export interface ServedScript {
  readonly script: PolicyScript;
  readonly isDisabled: boolean;
}

export class PolicyRecord {
  policy: Policy;
  /** Versions that failed here and are not known to be taken out of service yet. */
  readonly failed = new Set<number>();
  /** One write after the other: a fault of the former version is one only when the first is stored. */
  recording: Promise<void> = Promise.resolve();
  /** Loads under way (null), or waiting to be tried again. */
  readonly loads = new Map<number, Timer | null>();
  private readonly loaded = new Map<number, PolicyScript>();
  private last: ServedScript | null = null;

  /** Lets everything pass, where a missing script would refuse. */
  private readonly off: ServedScript;

  constructor(policy: Policy) {
    this.policy = policy;
    const { name, kind } = policy;
    this.off = { script: { name, kind, version: 0, source: "" }, isDisabled: false };
  }

  /** Whether this is the same policy, and not another one under the name of a deleted one: versions begin anew. */
  isOf(policy: Policy): boolean {
    const [first] = policy.history;
    const [known] = this.policy.history;
    const isOlder = policy.updatedAt.getTime() < this.policy.updatedAt.getTime();
    if (isOlder || first === undefined || known === undefined) return true;
    if (policy.history.length === MAX_HISTORY) return true;
    return first.at.getTime() === known.at.getTime() && first.by === known.by;
  }

  /** What is older than what is known changes nothing. */
  update(policy: Policy): void {
    if (policy.updatedAt.getTime() < this.policy.updatedAt.getTime()) return;
    this.policy = policy;
  }

  get wanted(): Wanted {
    return wantedVersion(this.policy, this.failed);
  }

  /** Versions to have at hand: the one to run, and the one to fall back to. */
  get versions(): readonly number[] {
    const { wanted } = this;
    if (wanted.kind === "off") return [];
    const next = this.policy.formerVersions.findLast(
      (version) => version !== wanted.version && !this.failed.has(version),
    );
    return next === undefined ? [wanted.version] : [wanted.version, next];
  }

  missing(): readonly number[] {
    return this.versions.filter((version) => !this.loaded.has(version));
  }

  add(script: PolicyScript): void {
    const { teamId } = this.policy;
    this.loaded.set(script.version, teamId === null ? script : { ...script, teamId });
  }

  /** The last good script serves until the next one is there. null = nothing was loaded yet. */
  serve(): ServedScript | null {
    const { wanted, loaded } = this;
    this.last = wanted.kind === "off" ? this.off : this.newest(wanted);
    const kept = new Set([...this.versions, this.last?.script.version]);
    for (const version of loaded.keys()) if (!kept.has(version)) loaded.delete(version);
    return this.last;
  }

  private newest(wanted: Exclude<Wanted, { kind: "off" }>): ServedScript | null {
    const script = this.loaded.get(wanted.version) ?? this.last?.script;
    if (script === undefined) return null;
    const isDisabled = wanted.kind === "disabled" || this.failed.has(script.version);
    return { script, isDisabled };
  }
}

import type { Policy, PolicyAttachment, PolicyVersion } from "../domain/policy.ts";
import type { Versioned } from "./deployment-store.ts";

/** Lines that scripts wrote with `log()`, as one write of one gateway. */
export interface PolicyLogBatch {
  /** In the order of time; what is asked for after one of them continues there. */
  readonly id: string;
  readonly lines: readonly PolicyLogLine[];
}

export interface PolicyLogLine {
  readonly at: Date;
  readonly version: number;
  readonly text: string;
}

/**
 * Policies, their versions and what they logged. Every change is made to what was read: it throws `write-conflict` when
 * somebody else changed it meanwhile.
 */
export interface PolicyStore {
  read(name: string): Promise<Versioned<Policy> | null>;
  /** Those of these teams and of the platform, by name. */
  list(teamIds: readonly string[]): Promise<readonly Policy[]>;
  readVersion(name: string, version: number): Promise<Versioned<PolicyVersion> | null>;
  /** Newest first. */
  versions(name: string): Promise<readonly PolicyVersion[]>;

  /** Stores a new version and what it makes of the policy; `current` null = the policy is new. */
  addVersion(
    current: Versioned<Policy> | null,
    next: Policy,
    version: PolicyVersion,
    dropped: readonly number[],
  ): Promise<void>;
  change(current: Versioned<Policy>, next: Policy): Promise<void>;
  /** With its versions and its log. */
  delete(current: Versioned<Policy>): Promise<void>;
  changeVersion(
    name: string,
    current: Versioned<PolicyVersion>,
    next: PolicyVersion,
  ): Promise<void>;

  /** Where it is attached, in words: `project shop`, `route shop.example.com`, `the platform`. */
  uses(name: string): Promise<readonly string[]>;
  platformPolicies(): Promise<Versioned<readonly PolicyAttachment[]>>;
  setPlatformPolicies(
    current: Versioned<readonly PolicyAttachment[]>,
    next: readonly PolicyAttachment[],
  ): Promise<void>;

  addLog(name: string, batch: PolicyLogBatch, expireAt: Date): Promise<void>;
  /** Oldest first: those after `after`, or the newest ones without it. */
  log(name: string, query: { limit: number; after?: string }): Promise<readonly PolicyLogBatch[]>;
}

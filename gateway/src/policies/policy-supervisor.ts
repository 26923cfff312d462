/**
 * Keeps the scripts of a gateway at what is stored, and takes those out of service that fail: here at once, everywhere as
 * soon as it is written down. Whatever cannot be reached or read, the last good script stays.
 */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Policy, PolicyScript } from "@bifrost/shared/domain/policy";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { PolicyPicture } from "@bifrost/shared/ports/policy-source";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import {
  type PolicyFault,
  type PolicyLogLine,
  type PolicySet,
  type ScriptKey,
  scriptKey,
} from "../workers/policy-runtime.ts";
import { PolicyRecord, type ServedScript } from "./policy-record.ts";
import { recordFault } from "./record-fault.ts";
import { retryDelayMs } from "./retry-delay.ts";
import type { ScriptLoader } from "./script-loader.ts";

export interface PolicySupervisorOptions {
  readonly store: Pick<PolicyStore, "read" | "change">;
  readonly loader: Pick<ScriptLoader, "load">;
  /** Those that come with the gateway. */
  readonly standard: readonly PolicyScript[];
  readonly timers: Timers;
  readonly log: Logger;
  /** Gets the whole set after each change. */
  readonly onScripts: (set: PolicySet) => void;
  /** A line for the policy's own log. */
  readonly tell: (line: PolicyLogLine) => void;
}

export class PolicySupervisor {
  private readonly options: PolicySupervisorOptions;
  private readonly records = new Map<string, PolicyRecord>();
  private readonly stopping = new AbortController();
  /** Standard policies that held a process up. */
  private readonly stuck = new Set<ScriptKey>();
  private told: readonly ServedScript[] | null = null;

  constructor(options: PolicySupervisorOptions) {
    this.options = options;
  }

  /** Takes what is stored now. */
  update({ policies }: Pick<PolicyPicture, "policies">): void {
    for (const [name, record] of this.records) {
      const policy = policies.get(name);
      if (policy === undefined || !record.isOf(policy)) this.forget(name, record);
      else record.update(policy);
    }
    for (const [name, policy] of policies)
      if (!this.records.has(name)) this.records.set(name, new PolicyRecord(policy));
    this.settle();
  }

  /** A worker had to take a script out of service. */
  onFault(fault: PolicyFault): void {
    const { script: name, version } = fault;
    if (this.options.standard.some((script) => script.name === name)) this.onStandardFault(fault);
    const record = this.records.get(name);
    // A version nobody runs any more, or one that is known to fail.
    if (record === undefined || record.failed.has(version)) return;
    if (!isReachable(record.policy, version)) return;
    record.failed.add(version);
    const why = describeFault(fault);
    const { wanted } = record;
    const now = wanted.kind === "version" ? `version ${wanted.version} serves` : "it is disabled";
    this.options.log.error("policy taken out of service", { script: name, version, why, now });
    const stack = fault.stack === null || fault.stack === "" ? "" : `\n${fault.stack}`;
    const text = `version ${version} was taken out of service, ${now}: ${why}${stack}`;
    this.options.tell({ script: name, version, text });
    this.settle();
    record.recording = record.recording.then(() => this.record(record, version, why));
  }

  stop(): void {
    this.stopping.abort();
    for (const [name, record] of this.records) this.forget(name, record);
  }

  private forget(name: string, record: PolicyRecord): void {
    for (const timer of record.loads.values()) timer?.cancel();
    this.records.delete(name);
  }

  /**
   * Others depend on it, with other settings, and there is nothing to go back to: it stays, unless each use of it costs a
   * process.
   */
  private onStandardFault({ script, version, kind }: PolicyFault): void {
    if (kind !== "stuck") return;
    this.stuck.add(scriptKey({ name: script, version }));
    this.options.log.error("standard policy disabled until this gateway restarts", { script });
    this.tellScripts();
  }

  private async record(record: PolicyRecord, version: number, why: string): Promise<void> {
    const { store, timers, log } = this.options;
    const { name } = record.policy;
    const { signal } = this.stopping;
    const policy = await recordFault({ store, timers, log, signal }, { name, version, why });
    if (signal.aborted) return;
    if (policy !== null) record.update(policy);
    record.failed.delete(version);
    this.settle();
  }

  /** Loads what is missing and tells the set that can be served now. */
  private settle(): void {
    if (this.stopping.signal.aborted) return;
    for (const record of this.records.values())
      for (const version of record.missing())
        if (!record.loads.has(version)) void this.load(record, version, 1);
    const served = [...this.records.values()].flatMap((record) => record.serve() ?? []);
    if (this.told !== null && isSame(served, this.told)) return;
    this.told = served;
    this.tellScripts();
  }

  private tellScripts(): void {
    const served = this.told ?? [];
    const failed = served.filter(({ isDisabled }) => isDisabled);
    this.options.onScripts({
      scripts: [...this.options.standard, ...served.map(({ script }) => script)],
      disabled: new Set([...this.stuck, ...failed.map(({ script }) => scriptKey(script))]),
    });
  }

  private async load(record: PolicyRecord, version: number, tries: number): Promise<void> {
    const { loader, log, timers } = this.options;
    const { name, kind } = record.policy;
    record.loads.set(version, null);
    try {
      const { script } = await loader.load(name, kind, version);
      record.add(script);
    } catch (error) {
      if (this.records.get(name) !== record) return;
      log.warn("policy not loaded", { script: name, version, error: messageOf(error) });
      const again = (): void => {
        record.loads.delete(version);
        if (record.missing().includes(version)) void this.load(record, version, tries + 1);
      };
      record.loads.set(version, timers.after(retryDelayMs(tries), again));
      return;
    }
    record.loads.delete(version);
    this.settle();
  }
}

function isReachable({ activeVersion, formerVersions }: Policy, version: number): boolean {
  return activeVersion === version || formerVersions.includes(version);
}

function isSame(one: readonly ServedScript[], other: readonly ServedScript[]): boolean {
  return (
    one.length === other.length &&
    one.every(
      ({ script, isDisabled }, at) =>
        script === other[at]?.script && isDisabled === other[at].isDisabled,
    )
  );
}

/** In one line: `limits:3: attempt to index nil (error)`. */
function describeFault({ script, line, message, kind }: PolicyFault): string {
  const where = line === null ? script : `${script}:${line}`;
  return `${where}: ${message} (${kind})`;
}

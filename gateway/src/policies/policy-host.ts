/** The policies of one process: which scripts there are, the chains made of them, and what became of their calls. */
import { createHash } from "node:crypto";
import type { PolicyAttachment, PolicyScript } from "@bifrost/shared/domain/policy";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Limiter } from "../limits/limiter.ts";
import type { LuaInstance } from "../lua/lua-instance.ts";
import { DEFAULT_LIMITS, type LuaLimits } from "../lua/lua-state.ts";
import type { PolicyError } from "../lua/policy-error.ts";
import { type CallMarker, PolicyVm } from "../lua/policy-vm.ts";
import { SharedState } from "../lua/shared-state.ts";
import type { ChainOf } from "../routing/site.ts";
import { TokenBucket } from "../telemetry/token-bucket.ts";
import { type ChainLink, LuaChain } from "./lua-chain.ts";
import { MISSING, PolicyUnit, type UnitHost } from "./policy-unit.ts";
import { ScriptRecord, type ScriptStats } from "./script-record.ts";

/** A VM that was not used for so long gives its memory back. */
const IDLE_MS = 60_000;
const SWEEP_EVERY_MS = 30_000;
/** Open VMs at once; beyond them the ones used longest ago are closed. */
const MAX_OPEN = 256;
/** What all VMs of a process may hold; beyond it the largest ones are closed. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;
/** Of so many uses, what scripts keep in `state` is remembered; beyond them it is forgotten where it was used longest ago. */
const MAX_STATES = 1024;
/** Lines a script may log. */
const LOG_PER_SECOND = 10;
const LOG_BURST = 50;
const USE_IS_OUT =
  "where it is attached with these settings it is out of service, until they or the script change";

export interface PolicyLogLine {
  readonly name: string;
  readonly version: number;
  readonly kind: "log" | "error";
  readonly text: string;
}

export interface PolicyFault {
  readonly name: string;
  readonly version: number;
  readonly error: PolicyError;
}

/** Learns under which number a script's calls are marked, before the first of them. */
export interface ScriptMarker extends CallMarker {
  announce(script: number, name: string, version: number): void;
}

export interface PolicyHostOptions {
  readonly lua: LuaInstance;
  readonly timers: Timers;
  readonly limiter: Limiter;
  readonly marker: ScriptMarker;
  /** At most LOG_PER_SECOND of a script. */
  readonly log: (line: PolicyLogLine) => void;
  /** A script was taken out of service here; said once. */
  readonly onFault: (fault: PolicyFault) => void;
  readonly limits?: LuaLimits;
  readonly maxHeldBytes?: number;
}

/** Where no watchdog looks on. */
export const NO_MARKER: ScriptMarker = { announce() {}, enter() {}, leave() {} };

export class PolicyHost {
  private readonly options: PolicyHostOptions;
  private records = new Map<string, ScriptRecord>();
  private readonly units = new Map<string, PolicyUnit>();
  private readonly open = new Set<PolicyUnit>();
  /** By limits key: what scripts keep outlives their versions. */
  private readonly states = new Map<string, SharedState>();
  private readonly logs = new Map<string, TokenBucket>();
  private readonly missing = new Map<string, number>();
  private readonly maxHeldBytes: number;
  private nextNumber = 1;
  private sweeper: Timer | null = null;

  constructor(options: PolicyHostOptions) {
    this.options = options;
    this.maxHeldBytes = options.maxHeldBytes ?? MAX_HELD_BYTES;
    this.sweepLater();
  }

  /**
   * All scripts from now on, in service: one that was taken out begins anew, and is disabled again by who knows better.
   * What else did not change stays as it is; chains made before keep what they were made of.
   */
  replaceScripts(scripts: readonly PolicyScript[]): void {
    const records = new Map<string, ScriptRecord>();
    for (const script of scripts) {
      if (script.kind !== "request") continue;
      const known = this.records.get(script.name);
      records.set(script.name, known?.isStill(script) === true ? known : this.record(script));
    }
    this.records = records;
    for (const [key, { record, isRefused }] of this.units) {
      if (isRefused || records.get(record.script.name) !== record) this.units.delete(key);
    }
    for (const key of this.states.keys()) {
      if (!records.has(key.slice(0, key.indexOf("#")))) this.states.delete(key);
    }
  }

  /** Takes a version out of service, because it failed elsewhere; its on_error applies from the next request on. */
  disable(name: string, version: number): void {
    const record = this.records.get(name);
    if (record?.script.version === version) record.isOut = true;
  }

  readonly chainOf: ChainOf = (attachments, projectId) =>
    attachments.length === 0
      ? null
      : new LuaChain(attachments.map((attachment) => this.linkOf(attachment, projectId)));

  stats(): readonly ScriptStats[] {
    return [...this.records.values()].map((record) => record.stats());
  }

  /** Requests refused because a policy is attached but not loaded, by its name. */
  missingCalls(): ReadonlyMap<string, number> {
    return this.missing;
  }

  close(): void {
    this.sweeper?.cancel();
    for (const unit of this.open) unit.close();
    this.open.clear();
  }

  private record(script: PolicyScript): ScriptRecord {
    const number = this.nextNumber++;
    this.options.marker.announce(number, script.name, script.version);
    return new ScriptRecord(script, number);
  }

  private linkOf({ policy, config }: PolicyAttachment, projectId: string): ChainLink {
    const record = this.records.get(policy);
    if (record === undefined) return this.missingLink(policy);
    const key = `${record.number}#${digest(config)}`;
    let unit = this.units.get(key);
    if (unit === undefined) {
      unit = new PolicyUnit(record, config, this.unitHost);
      this.units.set(key, unit);
    }
    return unit.useBy(projectId);
  }

  private missingLink(name: string): ChainLink {
    return {
      handlesResponses: false,
      onRequest: () => {
        const count = (this.missing.get(name) ?? 0) + 1;
        this.missing.set(name, count);
        const text = "is attached but not loaded: requests to it are refused";
        if (count === 1) this.options.log({ name, version: 0, kind: "error", text });
        return MISSING;
      },
      onResponse: () => null,
    };
  }

  private readonly unitHost: UnitHost = {
    opened: (unit) => {
      unit.usedAt = this.options.timers.now();
      this.open.add(unit);
      if (this.open.size > MAX_OPEN) this.closeOldest();
    },
    makeRoom: () => {
      if (this.options.lua.usedBytes > this.maxHeldBytes) this.closeLargest();
    },
    openVm: (record, config) => {
      const { lua, limiter, marker, timers, limits } = this.options;
      const { script } = record;
      return new PolicyVm(lua, {
        name: script.name,
        source: script.source,
        config,
        services: {
          limiter,
          marker,
          now: () => timers.now(),
          log: (text) => this.log(record, "log", text),
        },
        scopeOf: (projectId) => this.scopeOf(limitsScope(script.name, config, projectId)),
        marked: record.number,
        limits: limits ?? DEFAULT_LIMITS,
      });
    },
    refused: ({ record }, error) => {
      record.count(error);
      this.logError(record, error);
      this.log(record, "error", USE_IS_OUT);
    },
    failed: ({ unit: { record }, breaker, projectId }, error) => {
      const { name, version } = record.script;
      this.logError(record, error);
      const ended = record.failed(breaker, error);
      if (ended === "all") this.options.onFault({ name, version, error });
      else if (ended === "project") this.log(record, "error", outFor(projectId));
    },
  };

  private scopeOf(limits: string): { limits: string; state: SharedState } {
    const state = this.states.get(limits) ?? new SharedState();
    // The last one is the one used last.
    this.states.delete(limits);
    this.states.set(limits, state);
    const [oldest] = this.states.keys();
    if (this.states.size > MAX_STATES && oldest !== undefined) this.states.delete(oldest);
    return { limits, state };
  }

  private logError(record: ScriptRecord, { message, luaStack }: PolicyError): void {
    this.log(record, "error", luaStack === "" ? message : `${message}\n${luaStack}`);
  }

  private log({ script }: ScriptRecord, kind: PolicyLogLine["kind"], text: string): void {
    const { name, version } = script;
    const now = this.options.timers.now();
    let bucket = this.logs.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(LOG_PER_SECOND, LOG_BURST, now);
      this.logs.set(name, bucket);
    }
    if (bucket.take(1, now) === 0) this.options.log({ name, version, kind, text });
  }

  private sweepLater(): void {
    this.sweeper = this.options.timers.after(SWEEP_EVERY_MS, () => {
      const now = this.options.timers.now();
      for (const unit of this.open) {
        unit.look(now);
        if (unit.usedAt <= now - IDLE_MS) this.closeUnit(unit);
      }
      this.sweepLater();
    });
  }

  private closeOldest(): void {
    const [oldest] = [...this.open].toSorted((a, b) => a.usedAt - b.usedAt);
    if (oldest !== undefined) this.closeUnit(oldest);
  }

  private closeLargest(): void {
    for (const unit of [...this.open].toSorted((a, b) => b.usedBytes - a.usedBytes)) {
      if (this.options.lua.usedBytes <= this.maxHeldBytes / 2) break;
      this.log(
        unit.record,
        "error",
        `lost what it held in memory, ${unit.usedBytes} bytes: all scripts together hold too much`,
      );
      this.closeUnit(unit);
    }
  }

  private closeUnit(unit: PolicyUnit): void {
    unit.close();
    this.open.delete(unit);
  }
}

function outFor(projectId: string): string {
  return `is out of service for project ${projectId} here, until its version or its settings there change: it fails for this project and not for most others`;
}

/** The same for the same settings in every process, whatever their order. */
/** What limits and state of one use of a script for one project go by: the same on every gateway. */
export function limitsScope(
  script: string,
  config: PolicyAttachment["config"],
  projectId: string,
): string {
  return `${script}#${digest(config)}@${projectId}`;
}

function digest(config: PolicyAttachment["config"]): string {
  const entries = Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(entries)).digest("hex").slice(0, 16);
}

/** One script with one config, as chains use it: it never throws, and its VM exists only while it is used. */
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import { PolicyError } from "../lua/policy-error.ts";
import { LimitCalls } from "../lua/limit-calls.ts";
import type { PolicyVm } from "../lua/policy-vm.ts";
import {
  type HeaderEdit,
  type PolicyOutcome,
  type PolicyRequest,
  type PolicyResponse,
  PolicyWait,
  UNTOUCHED,
} from "./policy-chain.ts";
import type { Breaker } from "./breaker.ts";
import type { ChainLink } from "./lua-chain.ts";
import { type ScriptRecord, TIMED_EVERY } from "./script-record.ts";

/** What a unit needs of its host. */
export interface UnitHost {
  openVm(record: ScriptRecord, config: PolicyAttachment["config"]): PolicyVm;
  opened(unit: PolicyUnit): void;
  /** Its main chunk raised an error, which is how scripts refuse settings. */
  refused(unit: PolicyUnit, error: PolicyError): void;
  /** Before each call: nothing runs, and any unit may be closed. */
  makeRoom(): void;
  failed(use: PolicyUse, error: PolicyError): void;
}

export class PolicyUnit {
  /** When it was last seen to have been used. */
  usedAt = 0;
  readonly record: ScriptRecord;
  /** Where it is attached with these settings on_error applies to each call. */
  isRefused = false;
  private wasUsed = false;
  private readonly uses = new Map<string, PolicyUse>();
  private readonly config: PolicyAttachment["config"];
  private readonly host: UnitHost;
  private vm: PolicyVm | null = null;
  /** Of the request that is asked about. */
  private limits = new LimitCalls();

  constructor(record: ScriptRecord, config: PolicyAttachment["config"], host: UnitHost) {
    this.record = record;
    this.config = config;
    this.host = host;
  }

  /** The same for each place of a project. */
  useBy(projectId: string): PolicyUse {
    const known = this.uses.get(projectId);
    const breaker = this.record.breakerFor(projectId, known?.breaker);
    const use = known ?? new PolicyUse(this, projectId, breaker);
    this.uses.set(projectId, use);
    return use;
  }

  /** Known from the first request on, which is before any response. */
  get handlesResponses(): boolean {
    return this.vm?.handlesResponses === true && !this.record.isOut && !this.isRefused;
  }

  onRequest(request: PolicyRequest, use: PolicyUse, mayWait: boolean): PolicyOutcome | PolicyWait {
    const { limits } = this;
    limits.clear();
    const outcome = this.run(request, use, limits, mayWait);
    // From now on it belongs to the request that waits.
    if (outcome instanceof PolicyWait) this.limits = new LimitCalls();
    return outcome;
  }

  private run(
    request: PolicyRequest,
    use: PolicyUse,
    limits: LimitCalls,
    mayWait: boolean,
  ): PolicyOutcome | PolicyWait {
    if (this.mayNotRun(use)) return this.whenOut();
    try {
      const vm = this.ready(use);
      if (!vm.handlesRequests) return UNTOUCHED;
      limits.mayWait = mayWait;
      // However often it is asked again, a request is one call.
      const isTimed = limits.isFirstRun && this.isTimed(use);
      const outcome = isTimed
        ? this.timed(() => vm.onRequest(request, limits))
        : vm.onRequest(request, limits);
      if (!(outcome instanceof Promise)) return outcome;
      return new PolicyWait(outcome, (again) => this.run(request, use, limits, again));
    } catch (error) {
      this.failed(use, error);
      return this.whenOut();
    }
  }

  onResponse(request: PolicyRequest, response: PolicyResponse, use: PolicyUse): HeaderEdit | null {
    if (this.mayNotRun(use)) return null;
    try {
      const vm = this.ready(use);
      if (!vm.handlesResponses) return null;
      return this.isTimed(use)
        ? this.timed(() => vm.onResponse(request, response))
        : vm.onResponse(request, response);
    } catch (error) {
      this.failed(use, error);
      return null;
    }
  }

  /** Moves usedAt on when there were calls since the last look. */
  look(now: number): void {
    if (this.wasUsed) this.usedAt = now;
    this.wasUsed = false;
  }

  get usedBytes(): number {
    return this.vm?.state.used ?? 0;
  }

  /** Gives the memory back; the next call opens a new VM. */
  close(): void {
    this.vm?.close();
    this.vm = null;
  }

  private mayNotRun({ breaker }: PolicyUse): boolean {
    return this.record.isOut || this.isRefused || breaker.isOut;
  }

  private ready(use: PolicyUse): PolicyVm {
    this.wasUsed = true;
    this.host.makeRoom();
    if (this.vm !== null) return this.vm;
    const { record, host } = this;
    const vm = this.opened(use);
    record.onError = vm.onError;
    this.vm = vm;
    host.opened(this);
    return vm;
  }

  /** A call that does not get as far as the script is one, too. */
  private opened(use: PolicyUse): PolicyVm {
    try {
      return this.host.openVm(this.record, this.config);
    } catch (error) {
      this.isTimed(use);
      throw error;
    }
  }

  /** The clock is looked at once in TIMED_EVERY calls only. */
  private isTimed({ breaker }: PolicyUse): boolean {
    breaker.calls++;
    return ++this.record.calls % TIMED_EVERY === 1;
  }

  private timed<T>(task: () => T): T {
    const start = performance.now();
    const result = task();
    this.record.totalMs += (performance.now() - start) * TIMED_EVERY;
    return result;
  }

  private failed(use: PolicyUse, error: unknown): void {
    // A call that ended for good leaves a state nobody may use again; one that left defects behind is as bad.
    if (!(error instanceof PolicyError) || error.kind === "dead") this.close();
    const { script } = this.record;
    const known =
      error instanceof PolicyError
        ? error
        : new PolicyError({
            kind: "dead",
            script: script.name,
            line: null,
            message: String(error),
            stack: "",
          });
    this.isRefused = this.vm === null && known.kind === "error";
    if (this.isRefused) this.host.refused(this, known);
    else this.host.failed(use, known);
  }

  private whenOut(): PolicyOutcome {
    return this.record.onError === "allow" ? UNTOUCHED : FAILED;
  }
}

/** A unit as one project uses it. */
export class PolicyUse implements ChainLink {
  readonly unit: PolicyUnit;
  readonly projectId: string;
  readonly breaker: Breaker;

  constructor(unit: PolicyUnit, projectId: string, breaker: Breaker) {
    this.unit = unit;
    this.projectId = projectId;
    this.breaker = breaker;
  }

  get handlesResponses(): boolean {
    return this.unit.handlesResponses;
  }

  onRequest(request: PolicyRequest, mayWait: boolean): PolicyOutcome | PolicyWait {
    return this.unit.onRequest(request, this, mayWait);
  }

  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null {
    return this.unit.onResponse(request, response, this);
  }
}

/** Says nothing of the script: that is for its author, in the log. */
const FAILED: PolicyOutcome = {
  ...UNTOUCHED,
  answer: { status: 500, headers: "", body: "", page: "policy-failed" },
};

/** In place of a policy that is attached but not there, whose on_error nobody knows. */
export const MISSING: PolicyOutcome = {
  ...UNTOUCHED,
  answer: { status: 503, headers: "", body: "", page: "policy-missing" },
};

/**
 * One script with one config, as chains use it: it never throws, and its VM exists only while it is used. Failures count for
 * this use first: what others use with settings of their own does not suffer for the settings of this one.
 */
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import { PolicyError } from "../lua/policy-error.ts";
import type { PolicyVm } from "../lua/policy-vm.ts";
import {
  type HeaderEdit,
  type PolicyAnswer,
  type PolicyOutcome,
  type PolicyRequest,
  type PolicyResponse,
  UNTOUCHED,
} from "./policy-chain.ts";
import { FailureWindow } from "./failure-window.ts";
import { type ScriptRecord, TIMED_EVERY } from "./script-record.ts";

/** What a unit needs of its host. */
export interface UnitHost {
  openVm(record: ScriptRecord, config: PolicyAttachment["config"]): PolicyVm;
  opened(unit: PolicyUnit): void;
  failed(unit: PolicyUnit, error: PolicyError, effect: FailureEffect): void;
}

/**
 * none: the next call may do. refused: its main chunk raised an error, which is how scripts refuse settings, so this use of it
 * is over. broken: it failed too often.
 */
export type FailureEffect = "none" | "refused" | "broken";

export class PolicyUnit {
  /** When it was last seen to have been used. */
  usedAt = 0;
  readonly record: ScriptRecord;
  /** This use is out of service; on_error applies to each call. */
  isOut = false;
  /** It has done what it is for at least once. */
  hasServed = false;
  private calls = 0;
  private readonly failures = new FailureWindow();
  private wasUsed = false;
  private readonly config: PolicyAttachment["config"];
  private readonly host: UnitHost;
  private vm: PolicyVm | null = null;

  constructor(record: ScriptRecord, config: PolicyAttachment["config"], host: UnitHost) {
    this.record = record;
    this.config = config;
    this.host = host;
  }

  /** Known from the first request on, which is before any response. */
  get handlesResponses(): boolean {
    return this.vm?.handlesResponses === true && !this.mayNotRun;
  }

  onRequest(request: PolicyRequest): PolicyOutcome {
    if (this.mayNotRun) return this.whenOut();
    try {
      const vm = this.ready();
      if (!vm.handlesRequests) return UNTOUCHED;
      const outcome = this.isTimed()
        ? this.timed(() => vm.onRequest(request))
        : vm.onRequest(request);
      this.hasServed = true;
      return outcome;
    } catch (error) {
      this.failed(error);
      return this.whenOut();
    }
  }

  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null {
    if (this.mayNotRun) return null;
    try {
      const vm = this.ready();
      if (!vm.handlesResponses) return null;
      const edit = this.isTimed()
        ? this.timed(() => vm.onResponse(request, response))
        : vm.onResponse(request, response);
      this.hasServed = true;
      return edit;
    } catch (error) {
      this.failed(error);
      return null;
    }
  }

  /** Moves usedAt on when there were calls since the last look. */
  look(now: number): void {
    if (this.wasUsed) this.usedAt = now;
    this.wasUsed = false;
  }

  /** Gives the memory back; the next call opens a new VM. */
  close(): void {
    this.vm?.close();
    this.vm = null;
  }

  private get mayNotRun(): boolean {
    return this.isOut || this.record.isOut;
  }

  private ready(): PolicyVm {
    this.wasUsed = true;
    if (this.vm !== null) return this.vm;
    const { record, host } = this;
    const vm = host.openVm(record, this.config);
    record.onError = vm.onError;
    this.vm = vm;
    host.opened(this);
    return vm;
  }

  /** The clock is looked at once in TIMED_EVERY calls only. */
  private isTimed(): boolean {
    this.calls++;
    return ++this.record.calls % TIMED_EVERY === 1;
  }

  private timed<T>(task: () => T): T {
    const start = performance.now();
    const result = task();
    this.record.totalMs += (performance.now() - start) * TIMED_EVERY;
    return result;
  }

  private failed(error: unknown): void {
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
    this.host.failed(this, known, this.effectOf(known));
  }

  private effectOf(error: PolicyError): FailureEffect {
    if (this.isOut) return "none";
    const isRefused = this.vm === null && error.kind === "error";
    this.isOut = isRefused || this.failures.isBroken(error, this.calls);
    if (!this.isOut) return "none";
    return isRefused ? "refused" : "broken";
  }

  private whenOut(): PolicyOutcome {
    return this.record.onError === "allow" ? UNTOUCHED : FAILED;
  }
}

function refusal(status: number, code: string, title: string, detail: string): PolicyOutcome {
  const answer: PolicyAnswer = {
    status,
    headers: "content-type: application/problem+json\r\ncache-control: no-store\r\n",
    body: `${JSON.stringify({ type: "about:blank", code, title, status, detail })}\n`,
  };
  return { ...UNTOUCHED, answer };
}

/** Says nothing of the script: that is for its author, in the log. */
const FAILED = refusal(
  500,
  "policy-failed",
  "A policy failed",
  "A policy of this address failed, so the request was not passed on.",
);

/** In place of a policy that is attached but not there, whose on_error nobody knows. */
export const MISSING = refusal(
  503,
  "policy-missing",
  "A policy is missing",
  "A policy of this address is not loaded, so the request was not passed on.",
);

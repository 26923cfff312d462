/** One script with one config, as chains use it: it never throws, and its VM exists only while it is used. */
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
import { type ScriptRecord, TIMED_EVERY } from "./script-record.ts";

/** What a unit needs of its host. */
export interface UnitHost {
  openVm(record: ScriptRecord, config: PolicyAttachment["config"]): PolicyVm;
  opened(unit: PolicyUnit): void;
  failed(record: ScriptRecord, error: PolicyError): void;
}

export class PolicyUnit {
  /** When it was last seen to have been used. */
  usedAt = 0;
  readonly record: ScriptRecord;
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
    return this.vm?.handlesResponses === true && !this.record.isOut;
  }

  onRequest(request: PolicyRequest): PolicyOutcome {
    if (this.record.isOut) return this.whenOut();
    try {
      const vm = this.ready();
      if (!vm.handlesRequests) return UNTOUCHED;
      return this.isTimed() ? this.timed(() => vm.onRequest(request)) : vm.onRequest(request);
    } catch (error) {
      this.failed(error);
      return this.whenOut();
    }
  }

  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null {
    if (this.record.isOut) return null;
    try {
      const vm = this.ready();
      if (!vm.handlesResponses) return null;
      return this.isTimed()
        ? this.timed(() => vm.onResponse(request, response))
        : vm.onResponse(request, response);
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
    this.host.failed(this.record, known);
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

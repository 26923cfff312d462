/** The policy runtime of one process, started only when a route first needs it: most gateways have no policies. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { PolicyChain, PolicyOutcome } from "../policies/policy-chain.ts";
import { UNTOUCHED } from "../policies/policy-chain.ts";
import type { LimitsToPlane } from "../limits/limit-messages.ts";
import type { ChainOf } from "../routing/site.ts";
import {
  NO_POLICIES,
  type PolicyCounts,
  type PolicyRuntime,
  type PolicySet,
} from "./policy-runtime.ts";

export class PolicySlot {
  /** Chains made before are out of date. */
  onChange: () => void = () => undefined;
  private readonly startRuntime: () => Promise<PolicyRuntime>;
  private readonly onProblem: (event: string, detail: string) => void;
  private policies: PolicySet = NO_POLICIES;
  private runtime: PolicyRuntime | null = null;
  private starting: Promise<void> | null = null;

  constructor(
    startRuntime: () => Promise<PolicyRuntime>,
    onProblem: (event: string, detail: string) => void,
  ) {
    this.startRuntime = startRuntime;
    this.onProblem = onProblem;
  }

  readonly chainOf: ChainOf = (attachments, projectId) => {
    if (attachments.length === 0) return null;
    if (this.runtime !== null) return this.runtime.chainOf(attachments, projectId);
    void this.ready(true);
    return NOT_READY;
  };

  get isReady(): boolean {
    return this.runtime !== null;
  }

  load(policies: PolicySet): void {
    this.policies = policies;
    if (this.runtime === null) return;
    this.runtime.load(policies);
    this.onChange();
  }

  /** Resolves when chains can be made; at once when none are needed. */
  ready(isNeeded: boolean): Promise<void> {
    if (!isNeeded) return Promise.resolve();
    this.starting ??= this.start();
    return this.starting;
  }

  takeCounts(): ReadonlyMap<string, PolicyCounts> {
    return this.runtime?.takeCounts() ?? new Map();
  }

  limiterKeys(): number {
    return this.runtime?.limiterKeys() ?? 0;
  }

  hearLimits(message: LimitsToPlane): void {
    this.runtime?.hearLimits(message);
  }

  close(): void {
    this.runtime?.close();
  }

  private async start(): Promise<void> {
    try {
      const runtime = await this.startRuntime();
      runtime.load(this.policies);
      this.runtime = runtime;
      this.onChange();
    } catch (error) {
      // The next table that asks for policies tries again; until then they refuse.
      this.starting = null;
      this.onProblem("the policy engine did not start", messageOf(error));
    }
  }
}

const REFUSED: PolicyOutcome = {
  ...UNTOUCHED,
  answer: {
    status: 503,
    headers: "content-type: text/plain\r\nretry-after: 1\r\n",
    body: "The policies of this route are not loaded yet.\n",
  },
};

/** A route with policies is never served without them. */
const NOT_READY: PolicyChain = {
  onRequest: () => REFUSED,
  hasResponsePhase: false,
  onResponse: () => null,
};

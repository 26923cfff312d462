/** A script made ready to run: one Lua state, the API in it, and the decisions it came to so far. */
import type { PolicyConfigValue } from "@bifrost/shared/domain/policy";
import type {
  HeaderEdit,
  PolicyOutcome,
  PolicyRequest,
  PolicyResponse,
} from "../policies/policy-chain.ts";
import { DecisionTrie } from "./decision.ts";
import { ApiFunctions, CANNOT_WAIT } from "./api-functions.ts";
import type { LuaInstance } from "./lua-instance.ts";
import type { LimitCalls } from "./limit-calls.ts";
import { Abandoned, DEFAULT_LIMITS, LuaState, type LuaLimits } from "./lua-state.ts";
import { Networks } from "./networks.ts";
import { PRELUDE } from "./prelude.ts";
import { closeSandbox } from "./sandbox.ts";
import { SETTINGS } from "./settings.ts";
import type { Limiter } from "../limits/limiter.ts";
import type { SharedState } from "./shared-state.ts";

/** Tells whoever watches this thread from outside which script runs, because nothing inside stops a C function. */
export interface CallMarker {
  /** `script` is a number the marker's owner gave the script. */
  enter(script: number): void;
  leave(): void;
}

/** What a script's calls reach outside of it. */
export interface PolicyServices {
  readonly limiter: Limiter;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A line of `log(...)`, as text. */
  readonly log: (line: string) => void;
  readonly marker: CallMarker;
}

/** Keeps limits and state of one use of a policy apart from those of others. */
export interface PolicyScope {
  readonly limits: string;
  readonly state: SharedState;
}

export interface PolicyVmOptions {
  /** Reference of the policy: names the script in messages and salts its splits. */
  readonly name: string;
  readonly source: string;
  readonly config: Readonly<Record<string, PolicyConfigValue>>;
  readonly services: PolicyServices;
  readonly scopeOf: (projectId: string) => PolicyScope;
  readonly marked: number;
  readonly limits?: LuaLimits;
}

export class PolicyVm {
  readonly onError: "deny" | "allow";
  readonly handlesRequests: boolean;
  readonly handlesResponses: boolean;
  readonly state: LuaState;
  private readonly decisions = new DecisionTrie();
  private readonly api: ApiFunctions;
  private readonly marker: CallMarker;
  private readonly marked: number;
  private readonly requestSlot: number;
  private readonly responseSlot: number;
  private readonly resetSlot: number;

  /** Throws a PolicyError when the script does not load. */
  constructor(lua: LuaInstance, options: PolicyVmOptions) {
    const state = new LuaState(lua, options.name, options.limits ?? DEFAULT_LIMITS);
    this.state = state;
    this.marker = options.services.marker;
    this.marked = options.marked;
    this.api = new ApiFunctions(options, this.decisions);
    try {
      closeSandbox(state);
      new Networks().defineIn(state);
      state.run(SETTINGS, "[api]");
      this.api.defineIn(state);
      state.run(PRELUDE, "[api]");
      this.requestSlot = state.park("host_request");
      this.responseSlot = state.park("host_response");
      this.resetSlot = state.park("host_reset");
      const bindSlot = state.park("host_bind");
      state.run("host_request, host_response, host_reset, host_bind = nil", "[api]");
      this.reset();
      state.setTable("config", options.config);
      this.runMarked(() => state.run(options.source));
      state.pushParked(bindSlot);
      state.call(0, 3);
      this.handlesRequests = state.numberAt(state.resultIndex) === 1;
      this.handlesResponses = state.numberAt(state.resultIndex + 1) === 1;
      this.onError = state.numberAt(state.resultIndex + 2) === 1 ? "allow" : "deny";
      state.done();
    } catch (error) {
      state.close();
      throw error;
    }
  }

  /** Throws a PolicyError when the script fails. A promise: ask again, with the same `limits`, once it resolves. */
  onRequest(request: PolicyRequest): PolicyOutcome;
  onRequest(request: PolicyRequest, limits: LimitCalls): PolicyOutcome | Promise<void>;
  onRequest(request: PolicyRequest, limits = CANNOT_WAIT): PolicyOutcome | Promise<void> {
    if (this.decisions.isFull) this.reset();
    this.api.request = request;
    this.api.response = null;
    this.api.limits = limits;
    limits.beginRun();
    try {
      return this.decisions.outcome(this.decide(this.requestSlot));
    } catch (error) {
      if (error instanceof Abandoned && limits.waitsFor !== null) return limits.waitsFor;
      throw error;
    }
  }

  /** Throws a PolicyError when the script fails. */
  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null {
    if (this.decisions.isFull) this.reset();
    this.api.request = request;
    this.api.response = response;
    this.api.limits = CANNOT_WAIT;
    return this.decisions.outcome(this.decide(this.responseSlot)).response;
  }

  close(): void {
    this.state.close();
  }

  /** The id of the decision. */
  private decide(slot: number): number {
    const { state, marker } = this;
    marker.enter(this.marked);
    try {
      state.pushParked(slot);
      state.call(0, 1);
      const id = state.numberAt(state.resultIndex);
      state.done();
      return id;
    } finally {
      marker.leave();
      this.api.request = null;
      this.api.response = null;
    }
  }

  private runMarked(task: () => void): void {
    this.marker.enter(this.marked);
    try {
      task();
    } finally {
      this.marker.leave();
    }
  }

  private reset(): void {
    const { state, decisions } = this;
    decisions.reset();
    state.pushParked(this.resetSlot);
    state.pushNumber(decisions.requestRoot);
    state.pushNumber(decisions.responseRoot);
    state.call(2, 0);
  }
}

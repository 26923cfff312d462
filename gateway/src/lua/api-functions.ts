/** The host's half of the API for policies: what the prelude and scripts call. */
import { createHash, timingSafeEqual } from "node:crypto";
import { LIMIT_MODES, type LimitMode } from "../limits/limiter.ts";
import type { PolicyRequest, PolicyResponse } from "../policies/policy-chain.ts";
import { cookieIn } from "../routing/split.ts";
import type { DecisionTrie } from "./decision.ts";
import { LimitCalls } from "./limit-calls.ts";
import { type LuaState } from "./lua-state.ts";
import { HostRefusal, utf8Text } from "./lua-stack.ts";
import type { PolicyScope, PolicyVmOptions } from "./policy-vm.ts";
import { queryParam } from "./query-param.ts";
import { makeSplit, pick, type Split, type Weight } from "./split.ts";

/** Fields come first; headers are numbered from here as scripts ask for them. */
const FIRST_HEADER = 10;
const MAX_HEADERS = 256;
const MAX_SPLITS = 64;
const MAX_ALTERNATIVES = 32;
const MAX_LOG_BYTES = 1024;
const MODES = LIMIT_MODES.map((mode) => `"${mode}"`).join(" or ");
const HEADER_NAME = "the name of a header";

/** Outside of on_request. */
export const CANNOT_WAIT = new LimitCalls();

export class ApiFunctions {
  /** Those of the call in progress. */
  request: PolicyRequest | null = null;
  response: PolicyResponse | null = null;
  limits = CANNOT_WAIT;
  private readonly options: PolicyVmOptions;
  private readonly decisions: DecisionTrie;
  private readonly headers: string[] = [];
  private readonly splits: { weights: Weight[]; split: Split }[] = [];
  private scopeFor: string | null = null;
  private scope: PolicyScope | null = null;

  constructor(options: PolicyVmOptions, decisions: DecisionTrie) {
    this.options = options;
    this.decisions = decisions;
  }

  defineIn(state: LuaState): void {
    const api = {
      host_define: this.define,
      host_fetch: this.fetch,
      host_fetch_response: this.fetchResponse,
      host_header: this.header,
      host_response_header: this.responseHeader,
      host_number_of: this.numberOf,
      host_cookie: this.cookie,
      host_query_param: this.queryParam,
      host_split_add: this.addToSplit,
      host_split_pick: this.pickFromSplit,
      limit: this.limit,
      log: this.log,
      state_get: this.stateGet,
      state_set: this.stateSet,
      state_incr: this.stateIncrement,
      base64_decode: base64Decode,
      sha256,
      equal,
    };
    for (const [name, target] of Object.entries(api)) state.define(name, target);
  }

  private readonly define = (state: LuaState): number => {
    const code = state.numberAt(1);
    const parent = state.numberAt(2);
    const [name, value] = [text(state, 3, "a name"), text(state, 4, "a value")];
    state.pushNumber(this.decisions.define(code, parent, name, value));
    return 1;
  };

  private readonly fetch = (state: LuaState): number => {
    const value = this.field(state.numberAt(1));
    if (typeof value !== "number") return pushed(state, value);
    state.pushNumber(value);
    return 1;
  };

  private field(number: number): string | number | undefined {
    const request = this.currentRequest();
    switch (number) {
      case 1:
        return request.method;
      case 2:
        return pathOf(request.target);
      case 3:
        return queryOf(request.target);
      case 4:
        return request.host;
      case 5:
        return request.ip;
      case 6:
        return request.scheme;
      case 7:
        return request.id;
      case 8:
        return request.projectId;
      case 9:
        return this.options.services.now() / 1000;
      default:
        return request.header(this.headers[number - FIRST_HEADER] ?? "");
    }
  }

  private readonly fetchResponse = (state: LuaState): number => {
    const response = this.currentResponse();
    const number = state.numberAt(1);
    if (number === 0) {
      state.pushScalar(response.status);
      return 1;
    }
    return pushed(state, response.header(this.headers[number - FIRST_HEADER] ?? ""));
  };

  /** For names that have no number. */
  private readonly header = (state: LuaState): number =>
    pushed(state, this.currentRequest().header(text(state, 1, HEADER_NAME).toLowerCase()));

  private readonly responseHeader = (state: LuaState): number =>
    pushed(state, this.currentResponse().header(text(state, 1, HEADER_NAME).toLowerCase()));

  private readonly numberOf = (state: LuaState): number => {
    const name = text(state, 1, HEADER_NAME).toLowerCase();
    // Each spelling of a name takes up room in the prelude.
    if (this.headers.length >= MAX_HEADERS) return 0;
    state.pushNumber(this.headers.push(name) - 1 + FIRST_HEADER);
    return 1;
  };

  private readonly cookie = (state: LuaState): number => {
    const name = text(state, 1, "the name of a cookie");
    const value = cookieIn(this.currentRequest().header("cookie") ?? "", name);
    return pushed(state, value);
  };

  private readonly queryParam = (state: LuaState): number => {
    const name = text(state, 1, "the name of a parameter");
    const value = queryParam(queryOf(this.currentRequest().target), name);
    return pushed(state, value);
  };

  private readonly limit = (state: LuaState): number => {
    const key = text(state, 1, "a key");
    const rate = positive(state, 2, "limit: the rate, in requests a second,");
    const burst = state.numberAt(3);
    if (!(burst >= 1 && burst < Infinity)) {
      throw new HostRefusal(`limit: the burst must be at least 1, or nothing ever passes`);
    }
    const mode = limitMode(state);
    const { limits } = this;
    const { limiter } = this.options.services;
    const wait = limits.spend(limiter, this.currentScope().limits, key, rate, burst, mode);
    if (limits.waitsFor !== null) state.abandon();
    state.pushBoolean(wait === 0);
    if (wait === 0) return 1;
    state.pushNumber(wait);
    return 2;
  };

  private readonly addToSplit = (state: LuaState): number => {
    const name = text(state, 2, "a name");
    const weight = state.numberAt(3);
    if (!(weight >= 0 && weight <= 1e9)) {
      throw new HostRefusal(`split: the weight of ${name} must be from 0 to a billion`);
    }
    let index = state.isNumber(1) ? state.numberAt(1) : -1;
    if (index < 0) {
      if (this.splits.length >= MAX_SPLITS) {
        throw new HostRefusal(`a script makes at most ${MAX_SPLITS} splits: make them at its top`);
      }
      index = this.splits.push({ weights: [], split: makeSplit("", []) }) - 1;
    }
    const entry = this.splits[index];
    if (entry === undefined) throw new HostRefusal("there is no such split");
    if (entry.weights.length >= MAX_ALTERNATIVES) {
      throw new HostRefusal(`a split has at most ${MAX_ALTERNATIVES} alternatives`);
    }
    entry.weights.push({ name, weight });
    entry.split = makeSplit(this.options.name, entry.weights);
    state.pushNumber(index);
    return 1;
  };

  private readonly pickFromSplit = (state: LuaState): number => {
    const entry = this.splits[state.numberAt(1)];
    if (entry === undefined) throw new HostRefusal("there is no such split");
    state.pushNumber(pick(entry.split, text(state, 2, "a key")) + 1);
    return 1;
  };

  private readonly log = (state: LuaState): number => {
    const line = text(state, 1, "text").slice(0, MAX_LOG_BYTES);
    this.options.services.log(utf8Text(line));
    return 0;
  };

  private readonly stateGet = (state: LuaState): number => {
    state.pushScalar(this.currentScope().state.get(text(state, 1, "a key")));
    return 1;
  };

  private readonly stateSet = (state: LuaState): number => {
    this.currentScope().state.set(text(state, 1, "a key"), state.scalarAt(2));
    return 0;
  };

  private readonly stateIncrement = (state: LuaState): number => {
    const by = state.isNumber(2) ? state.numberAt(2) : 1;
    state.pushScalar(this.currentScope().state.increment(text(state, 1, "a key"), by));
    return 1;
  };

  private currentRequest(): PolicyRequest {
    if (this.request === null) {
      throw new HostRefusal("works only while a request is handled, not when the script loads");
    }
    return this.request;
  }

  private currentResponse(): PolicyResponse {
    if (this.response === null) {
      throw new HostRefusal("resp can be read only in on_response: there is no response yet");
    }
    return this.response;
  }

  private currentScope(): PolicyScope {
    const { projectId } = this.currentRequest();
    if (this.scope === null || this.scopeFor !== projectId) {
      this.scope = this.options.scopeOf(projectId);
      this.scopeFor = projectId;
    }
    return this.scope;
  }
}

function pushed(state: LuaState, value: string | undefined): number {
  // An absent value is nil: no value at all is an error to functions such as tostring.
  if (value === undefined) state.pushNil();
  else state.pushText(value);
  return 1;
}

export function base64Decode(state: LuaState): number {
  const encoded = text(state, 1, "text");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded) || encoded.replace(/=+$/, "").length % 4 === 1) {
    return pushed(state, undefined);
  }
  return pushed(state, Buffer.from(encoded, "base64").toString("latin1"));
}

export function sha256(state: LuaState): number {
  const data = text(state, 1, "text");
  state.pushText(createHash("sha256").update(data, "latin1").digest("hex"));
  return 1;
}

/** In constant time: how long it takes says nothing of where two texts differ. */
function equal(state: LuaState): number {
  const [a, b] = [text(state, 1, "text"), text(state, 2, "text")].map((value) =>
    createHash("sha256").update(value, "latin1").digest(),
  );
  state.pushBoolean(a !== undefined && b !== undefined && timingSafeEqual(a, b));
  return 1;
}

function text(state: LuaState, index: number, what: string): string {
  const value = state.textAt(index);
  if (value === null) throw new HostRefusal(`${what} must be a string`);
  return value;
}

function positive(state: LuaState, index: number, what: string): number {
  const value = state.numberAt(index);
  if (!(value > 0 && value < Infinity)) throw new HostRefusal(`${what} must be above 0`);
  return value;
}

/** The fourth argument; balanced when it is absent or nil. */
function limitMode(state: LuaState): LimitMode {
  if (state.count < 4) return "balanced";
  const given = state.scalarAt(4);
  const mode = LIMIT_MODES.find((known) => known === given);
  if (mode !== undefined) return mode;
  if (state.isNil(4)) return "balanced";
  const found = given === null ? "a value of another type" : JSON.stringify(given);
  throw new HostRefusal(`limit: the mode must be ${MODES}, not ${found}`);
}

function pathOf(target: string): string {
  const end = target.indexOf("?");
  return end < 0 ? target : target.slice(0, end);
}

function queryOf(target: string): string {
  const end = target.indexOf("?");
  return end < 0 ? "" : target.slice(end + 1);
}

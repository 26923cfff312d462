/** One policy on a bench of its own: its VM, a clock that moves only when told, and what it decides of made-up requests. */
import type { PolicyConfigValue, PolicyScript } from "@bifrost/shared/domain/policy";
import type { LuaInstance } from "../../lua/lua-instance.ts";
import { PolicyVm } from "../../lua/policy-vm.ts";
import { SharedState } from "../../lua/shared-state.ts";
import { TokenBuckets } from "../../limits/token-buckets.ts";
import {
  type HeaderEdit,
  type PolicyAnswer,
  type PolicyOutcome,
  type PolicyRequest,
  UNTOUCHED,
} from "../policy-chain.ts";
import { NO_MARKER } from "../policy-host.ts";

export type PolicyConfig = Readonly<Record<string, PolicyConfigValue>>;

/** A header field: lower-case name, value. */
export type Field = readonly [name: string, value: string];

export interface TrialRequest extends Omit<PolicyRequest, "header"> {
  readonly headers: readonly Field[];
}

export interface TrialResponse {
  readonly status: number;
  readonly headers: readonly Field[];
}

export interface Decision {
  readonly kind: "forward" | "deny" | "redirect";
  readonly status: number | null;
  readonly body: string | null;
  readonly location: string | null;
  /** Name or deployment id of a target; null = by weight. */
  readonly target: string | null;
  /** Path and query as the app gets them; null when it gets nothing. */
  readonly path: string | null;
  /** As the app gets them. */
  readonly requestHeaders: readonly Field[];
  /** Those of the answer, or those to be put on the app's response. */
  readonly responseHeaders: readonly Field[];
}

/** Lines that are kept for tests to look at: a script may log in a loop. */
const MAX_LOGGED = 1000;

/** 2026-01-01: any moment will do, as long as it is always the same. */
const START = Date.UTC(2026, 0, 1);

export class Trial {
  readonly script: PolicyScript;
  readonly logged: string[] = [];
  private readonly lua: LuaInstance;
  private config: PolicyConfig;
  private now = START;
  private vm: PolicyVm | null = null;
  private lastRequest: PolicyRequest = requestOf({
    method: "GET",
    target: "/",
    host: "app.test",
    ip: "192.0.2.1",
    scheme: "https",
    id: "request-1",
    projectId: "project",
    headers: [],
  });
  private lastEdit: HeaderEdit | null = null;

  constructor(lua: LuaInstance, script: PolicyScript, config: PolicyConfig = {}) {
    this.lua = lua;
    this.script = script;
    this.config = config;
  }

  /** Begins anew with these settings; throws a PolicyError when the script refuses them. */
  configure(config: PolicyConfig): void {
    this.close();
    this.config = config;
    this.load();
  }

  advance(ms: number): void {
    this.now += ms;
  }

  /** Throws a PolicyError when the script does not load. */
  load(): PolicyVm {
    this.vm ??= this.open();
    return this.vm;
  }

  /** Throws a PolicyError when the script fails. */
  request(trial: TrialRequest): Decision {
    const vm = this.load();
    const request = requestOf(trial);
    const outcome = vm.handlesRequests ? vm.onRequest(request) : UNTOUCHED;
    this.lastRequest = request;
    this.lastEdit = outcome.response;
    return decisionOf(trial, outcome);
  }

  /** The app's response to the last request, as the client gets it. Throws a PolicyError when the script fails. */
  respond({ status, headers }: TrialResponse): TrialResponse {
    const vm = this.load();
    const header = headerIn(headers);
    const edit = vm.handlesResponses ? vm.onResponse(this.lastRequest, { status, header }) : null;
    const edited = [this.lastEdit, edit].reduce(
      (block, one) => apply(one, block),
      blockOf(headers),
    );
    return { status, headers: fieldsIn(edited) };
  }

  close(): void {
    this.vm?.close();
    this.vm = null;
    this.lastEdit = null;
  }

  private open(): PolicyVm {
    const { lua, script, config } = this;
    const clock = { now: () => this.now };
    const state = new SharedState();
    return new PolicyVm(lua, {
      name: script.name,
      source: script.source,
      config,
      services: {
        limiter: new TokenBuckets(clock),
        now: clock.now,
        log: (line) => {
          if (this.logged.length < MAX_LOGGED) this.logged.push(line);
        },
        marker: NO_MARKER,
      },
      scopeOf: () => ({ limits: script.name, state }),
      marked: 0,
    });
  }
}

function requestOf({ headers, ...request }: TrialRequest): PolicyRequest {
  return { ...request, header: headerIn(headers) };
}

function headerIn(headers: readonly Field[]): (name: string) => string | undefined {
  return (name) => headers.find(([known]) => known === name)?.[1];
}

const NOTHING: Decision = {
  kind: "forward",
  status: null,
  body: null,
  location: null,
  target: null,
  path: null,
  requestHeaders: [],
  responseHeaders: [],
};

function decisionOf(request: TrialRequest, outcome: PolicyOutcome): Decision {
  if (outcome.answer !== null) return answered(outcome.answer, outcome.response);
  return {
    ...NOTHING,
    target: outcome.target,
    path: outcome.path ?? request.target,
    requestHeaders: fieldsIn(apply(outcome.request, blockOf(request.headers))),
    responseHeaders: fieldsIn(apply(outcome.response, "")),
  };
}

function answered({ status, body, headers }: PolicyAnswer, edit: HeaderEdit | null): Decision {
  const responseHeaders = fieldsIn(apply(edit, headers));
  const location = headerIn(responseHeaders)("location") ?? null;
  const kind = location === null ? "deny" : "redirect";
  return { ...NOTHING, kind, status, body, location, responseHeaders };
}

function apply(edit: HeaderEdit | null, block: string): string {
  return edit === null ? block : edit.apply(block);
}

function blockOf(headers: readonly Field[]): string {
  return headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

function fieldsIn(block: string): readonly Field[] {
  const lines = block.split("\r\n").filter((line) => line !== "");
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
}

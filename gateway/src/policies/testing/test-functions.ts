/** The host's half of the helpers for unit tests. */
import { base64Decode, sha256 } from "../../lua/api-functions.ts";
import { HostRefusal, type LuaScalar, utf8Bytes, utf8Text } from "../../lua/lua-stack.ts";
import type { LuaState } from "../../lua/lua-state.ts";
import { PolicyError } from "../../lua/policy-error.ts";
import type { Decision, Field, PolicyConfig, Trial, TrialRequest, TrialResponse } from "./trial.ts";

type Result = readonly [section: string, name: string, value: LuaScalar];

const REQUEST_FIELDS = ["method", "path", "host", "ip", "scheme", "id", "project"] as const;
const RESPONSE_FIELDS = ["status"] as const;

export class TestFunctions {
  readonly found: string[] = [];
  private readonly trial: Trial;
  private readonly onConfig: (config: PolicyConfig) => void;
  private what = "";
  private readonly fields = new Map<string, LuaScalar>();
  private headers: Field[] = [];
  private config: Record<string, LuaScalar | string[]> = {};
  private results: Result[] = [];

  /** `onConfig` hears of settings that the policy accepted. */
  constructor(trial: Trial, onConfig: (config: PolicyConfig) => void) {
    this.trial = trial;
    this.onConfig = onConfig;
  }

  defineIn(state: LuaState): void {
    const functions = {
      host_begin: this.begin,
      host_field: this.field,
      host_header: this.header,
      host_config: this.setting,
      host_request: this.request,
      host_respond: this.respond,
      host_configure: this.configure,
      host_next: this.next,
      host_advance: this.advance,
      host_found_test: this.foundTest,
      sha256,
      base64_decode: base64Decode,
    };
    for (const [name, target] of Object.entries(functions)) state.define(name, target);
  }

  private readonly begin = (state: LuaState): number => {
    this.what = state.textAt(1) ?? "";
    this.fields.clear();
    this.headers = [];
    this.config = {};
    this.results = [];
    return 0;
  };

  private readonly field = (state: LuaState): number => {
    const name = String(state.scalarAt(1));
    const known: readonly string[] = this.what === "request" ? REQUEST_FIELDS : RESPONSE_FIELDS;
    if (!known.includes(name)) {
      throw new HostRefusal(`${this.what} has no ${name}: it takes ${known.join(", ")}, headers`);
    }
    this.fields.set(name, state.scalarAt(2));
    return 0;
  };

  private readonly header = (state: LuaState): number => {
    const name = state.isString(1) ? state.textAt(1) : null;
    const value = state.textAt(2);
    if (name === null || value === null) {
      throw new HostRefusal("headers must be a table of names and values, both strings");
    }
    this.headers.push([name.toLowerCase(), value]);
    return 0;
  };

  private readonly setting = (state: LuaState): number => {
    const name = state.textAt(1) ?? "";
    const value = configValue(state.scalarAt(2));
    if (state.count === 1) this.config[name] = [];
    else if (state.count === 3) this.addToList(name, value);
    else this.config[name] = value;
    return 0;
  };

  private addToList(name: string, value: LuaScalar): void {
    const list = this.config[name];
    if (typeof value !== "string" || !Array.isArray(list)) {
      throw new HostRefusal(`configure: ${name} must be a scalar or a list of strings`);
    }
    list.push(value);
  }

  private readonly request = (): number => {
    const request: TrialRequest = {
      method: this.text("method", "GET"),
      target: this.text("path", "/"),
      host: this.text("host", "app.test"),
      ip: this.text("ip", "192.0.2.1"),
      scheme: this.scheme(),
      id: this.text("id", "request-1"),
      projectId: this.text("project", "project"),
      headers: this.headers,
    };
    this.results = resultsOf(asRefusal(() => this.trial.request(request)));
    return 0;
  };

  private readonly respond = (): number => {
    const status = this.fields.get("status") ?? 200;
    if (typeof status !== "number") throw new HostRefusal("respond: status must be a number");
    const response = { status, headers: this.headers };
    this.results = resultsOfResponse(asRefusal(() => this.trial.respond(response)));
    return 0;
  };

  private readonly configure = (): number => {
    // A table of Lua has no order that could be relied on.
    const entries = Object.entries(this.config as PolicyConfig);
    const config = Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    asRefusal(() => this.trial.configure(config));
    this.onConfig(config);
    return 0;
  };

  /** One more result: section, name and value; none = that was all. */
  private readonly next = (state: LuaState): number => {
    const result = this.results.shift();
    if (result === undefined) return 0;
    for (const part of result) state.pushScalar(part);
    return result.length;
  };

  private readonly advance = (state: LuaState): number => {
    const seconds = state.numberAt(1);
    if (!(seconds >= 0 && seconds <= 1e9)) {
      throw new HostRefusal("advance takes seconds, from 0 on");
    }
    this.trial.advance(seconds * 1000);
    return 0;
  };

  private readonly foundTest = (state: LuaState): number => {
    this.found.push(state.textAt(1) ?? "");
    return 0;
  };

  private text(name: string, fallback: string): string {
    const value = this.fields.get(name) ?? fallback;
    if (typeof value !== "string") throw new HostRefusal(`${this.what}: ${name} must be a string`);
    return value;
  }

  private scheme(): "http" | "https" {
    const scheme = this.text("scheme", "https");
    if (scheme !== "http" && scheme !== "https") {
      throw new HostRefusal(`request: scheme must be "http" or "https", not "${scheme}"`);
    }
    return scheme;
  }
}

/** Settings are text, and reach scripts as UTF-8. */
function configValue(value: LuaScalar): LuaScalar {
  return typeof value === "string" ? utf8Text(value) : value;
}

/** What the policy raised becomes an error of the test, at the line that asked for it. */
function asRefusal<T>(task: () => T): T {
  try {
    return task();
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const stack = error.luaStack === "" ? "" : `\n${error.luaStack}`;
    throw new HostRefusal(utf8Bytes(`${error.message}${stack}`));
  }
}

function resultsOf(decision: Decision): Result[] {
  const { requestHeaders, responseHeaders, ...scalars } = decision;
  return [
    ...Object.entries(scalars).map(([name, value]): Result => ["", name, value]),
    ...section("request_headers", requestHeaders),
    ...section("response_headers", responseHeaders),
  ];
}

function resultsOfResponse({ status, headers }: TrialResponse): Result[] {
  return [["", "status", status], ...section("headers", headers)];
}

/** There even without fields. */
function section(name: string, fields: readonly Field[]): Result[] {
  const values = fields.map(([field, value]): Result => [name, field, value]);
  return [[name, "", null], ...values];
}

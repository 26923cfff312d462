/** The platform's functions as tests need them: one deployment in memory that moves by the lifecycle table. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { State } from "@bifrost/shared/domain/lifecycle";
import { findMove, HAPPY_PATH, isBefore, isState, MOVES } from "@bifrost/shared/domain/lifecycle";

export interface FunctionCall {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly authorization: string | undefined;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Overrides one call; undefined = what the function does by itself. */
export type Script = (call: FunctionCall, count: number) => Reply | undefined;

export class FakeFunctions {
  state: State = "queued";
  readonly calls: FunctionCall[] = [];
  /** Every move made, as `from>to by`. */
  readonly moves: string[] = [];
  /** Every call that asked for a move the table does not have from the current state. */
  readonly illegal: string[] = [];
  readonly #scripts = new Map<string, Script>();
  readonly #answers = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #server: http.Server;

  private constructor() {
    this.#server = http.createServer((request, response) => {
      void this.#respond(request, response);
    });
  }

  static async start(state: State = "queued"): Promise<FakeFunctions> {
    const functions = new FakeFunctions();
    functions.state = state;
    await new Promise<void>((resolve) => functions.#server.listen(0, "127.0.0.1", resolve));
    return functions;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Names of the functions called, in order. */
  get called(): string[] {
    return this.calls.map((call) => call.name);
  }

  script(name: string, script: Script): void {
    this.#scripts.set(name, script);
  }

  /** What the function says beside the state, in place of its usual answer. */
  answer(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#answers.set(name, fields);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #respond(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request);
    const type = status < 400 ? "application/json" : "application/problem+json";
    response.writeHead(status, { "content-type": type });
    response.end(JSON.stringify(body));
  }

  async #answer(request: http.IncomingMessage): Promise<Reply> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    const name = (request.url ?? "").slice(1);
    const call = { name, body, authorization: request.headers.authorization };
    this.calls.push(call);
    const count = this.called.filter((called) => called === name).length;
    return this.#scripts.get(name)?.(call, count) ?? this.#behave(call);
  }

  #behave(call: FunctionCall): Reply {
    // It moves nothing and is never refused.
    if (call.name === "restore")
      return { status: 200, body: { state: this.state, restored: null } };
    const { to } = call.body;
    if (!isState(to)) return { status: 400, body: { code: "bad-request" } };
    const move = findMove(this.state, to);
    if (move?.owner === call.name) {
      this.moves.push(`${this.state}>${to} by ${call.name}`);
      this.state = to;
    } else if (!this.#isMadeBefore(to)) {
      this.illegal.push(`${call.name}: ${this.state}>${to}`);
      return { status: 409, body: { code: "illegal-move", detail: `no ${this.state}>${to}` } };
    }
    return {
      status: 200,
      body: { state: this.state, ...(this.#answers.get(call.name) ?? ANSWERS[call.name]) },
    };
  }

  #isMadeBefore(to: State): boolean {
    return this.state === to || isBefore(to, this.state);
  }
}

/** Answers of functions that have nothing left to wait for. */
const ANSWERS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  validate: { valid: true },
  build: { image: "ready" },
  "finish-build": { status: "built" },
  observe: { outcome: "running" },
  verify: { outcome: "healthy" },
  retry: { attempt: 2 },
};

/** The moves of a deployment that meets no trouble, as `FakeFunctions.moves` records them. */
export const HAPPY_MOVES: readonly string[] = HAPPY_PATH.slice(1).map((to, at) => {
  const from = HAPPY_PATH[at];
  const move = MOVES.find((row) => row.from === from && row.to === to);
  return `${from}>${to} by ${move?.owner}`;
});

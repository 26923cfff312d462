/** WebChannel, the browser SDK's way to hold a two-way call: POSTs to send, a held GET to receive. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Caller, CallerResolver } from "../edge/caller.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import type { RpcContext } from "../rpc/method.ts";
import { TWO_WAY_METHODS } from "../rpc/methods.ts";
import { type ChannelForm, parseChannelForm } from "./channel-form.ts";
import { parseChannelRequest } from "./channel-request.ts";
import { asciiJson, framed } from "./frame.ts";
import { EXPECTED_SILENCE_MS, type Session } from "./session.ts";
import { Sessions } from "./sessions.ts";
import { Turns } from "./turns.ts";

export interface WebChannelParts {
  readonly context: RpcContext;
  readonly callers: CallerResolver;
  readonly log: Logger;
}

const PATH = /^\/google\.firestore\.v1\.Firestore\/([A-Za-z]+)\/channel(?:\?|$)/;
/** Of the protocol: what the client asks for and what this server is. */
const CLIENT_VERSION = 8;
const SERVER_VERSION = 12;

export class WebChannel {
  readonly #parts: WebChannelParts;
  readonly #sessions: Sessions;
  readonly #turns: Turns;

  constructor(parts: WebChannelParts) {
    this.#parts = parts;
    this.#sessions = new Sessions(parts.context.timers, parts.log);
    this.#turns = new Turns(parts.context.timers);
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  endAll(): void {
    this.#sessions.endAll();
  }

  /** False when the request is none of a channel. Throws what is to be answered as an error. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    readBody: () => Promise<Buffer>,
  ): Promise<boolean> {
    const rpc = PATH.exec(request.url ?? "")?.[1];
    if (rpc === undefined) return false;
    const channelRequest = parseChannelRequest(request.method ?? "", request.url ?? "");
    if (channelRequest.kind === "open") {
      await this.#open(rpc, request, response, parseChannelForm((await readBody()).toString()));
      return true;
    }
    const find = (): Session => this.#find(channelRequest.sid, rpc, request.headers.origin);
    const session = find();
    switch (channelRequest.kind) {
      case "receive":
        setHeaders(response);
        session.attach(response, channelRequest);
        this.#turns.take(browserOf(request), response, () => session.giveWay());
        break;
      case "send": {
        const { messages } = parseChannelForm((await readBody()).toString());
        // It may have ended while the body was on its way, and may end by what the body says.
        find().acknowledge(channelRequest.acknowledged ?? 0);
        session.receive(messages);
        reply(response, find().state);
        break;
      }
      case "terminate":
        session.end("terminated");
        response.end();
        break;
    }
    return true;
  }

  async #open(
    rpc: string,
    request: IncomingMessage,
    response: ServerResponse,
    { messages, authorization }: ChannelForm,
  ): Promise<void> {
    const method = Object.hasOwn(TWO_WAY_METHODS, rpc) ? TWO_WAY_METHODS[rpc] : undefined;
    if (method === undefined) {
      throw new RpcError("UNIMPLEMENTED", `${rpc} is no two-way call; use REST for it.`);
    }
    const { context } = this.#parts;
    const headers = [...authorization, ...(request.headersDistinct["authorization"] ?? [])];
    const caller = await this.#callerOf(headers);
    const key = caller instanceof RpcError ? "refused" : caller.key;
    const session = this.#sessions.open(rpc, key, request.headers.origin);
    const hello = ["c", session.id, "", CLIENT_VERSION, SERVER_VERSION, EXPECTED_SILENCE_MS];
    reply(response, [[0, hello]]);
    // The client tells pages why a call ended only if it hears so inside the channel.
    if (caller instanceof RpcError) session.fail(caller);
    else session.start(method, context, caller);
    session.receive(messages);
  }

  async #callerOf(headers: readonly string[]): Promise<Caller | RpcError> {
    try {
      return await this.#parts.callers.resolve(headers);
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    }
  }

  /** The client opens a new channel when it reads these two words in an answer with status 400. */
  #find(sid: string, rpc: string, origin: string | undefined): Session {
    const session = this.#sessions.find(sid, rpc, origin);
    if (session === undefined) {
      throw invalid("Unknown SID: the channel has ended or was never opened here; open a new one.");
    }
    return session;
  }
}

/** Browsers count connections by the host they call. */
function browserOf({ headers }: IncomingMessage): string {
  return `${headers.host ?? ""} ${headers["user-agent"] ?? ""}`;
}

function reply(response: ServerResponse, value: unknown): void {
  setHeaders(response);
  response.end(framed(asciiJson(value)));
}

function setHeaders(response: ServerResponse): void {
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.setHeader("cache-control", "private, max-age=0");
  response.setHeader("x-content-type-options", "nosniff");
}

/** A channel spoken by hand: each request of WebChannel, without a client that repairs what goes wrong. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { until } from "./firestore-fixture.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** `[number, payload]` */
export type Numbered = readonly [number, readonly unknown[]];

export interface ChannelOptions {
  readonly rpc?: string;
  /** Value of the Authorization header; null sends none, absent is a known user's. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The frames in a text; throws unless it is nothing but whole frames. */
export function framesOf(text: string): unknown[] {
  const frames: unknown[] = [];
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf("\n", at);
    const end = newline + 1 + Number(text.slice(at, newline));
    if (newline === -1 || !(end <= text.length)) throw new Error(`no frame at ${at}: ${text}`);
    frames.push(JSON.parse(text.slice(newline + 1, end)));
    at = end;
  }
  return frames;
}

/** `authorization` is the value of the header that travels in the form. */
export function formOf(messages: readonly object[], offset = 0, authorization?: string): string {
  const form = new URLSearchParams();
  if (authorization !== undefined)
    form.set("headers", `X-Other:1\r\nAuthorization:${authorization}\r\n`);
  form.set("count", String(messages.length));
  form.set("ofs", String(offset));
  messages.forEach((message, index) => form.set(`req${index}___data__`, JSON.stringify(message)));
  return form.toString();
}

export class RawChannel {
  readonly #port: number;
  readonly #options: ChannelOptions;
  #sid = "";

  constructor(port: number, options: ChannelOptions = {}) {
    this.#port = port;
    this.#options = options;
  }

  static async open(
    port: number,
    messages: readonly object[],
    options: ChannelOptions = {},
  ): Promise<RawChannel> {
    const channel = new RawChannel(port, options);
    const authorization =
      options.authorization === undefined
        ? "Bearer user-ada"
        : (options.authorization ?? undefined);
    const answer = await channel.ask("POST", {}, formOf(messages, 0, authorization));
    const [[, [, sid]]] = framesOf(answer.text)[0] as [[number, [string, string]]];
    channel.#sid = sid;
    return channel;
  }

  get sid(): string {
    return this.#sid;
  }

  /** The same channel as another page, or another RPC, would address it. */
  as(options: ChannelOptions): RawChannel {
    const other = new RawChannel(this.#port, { ...this.#options, ...options });
    other.#sid = this.#sid;
    return other;
  }

  async ask(method: string, parameters: Record<string, string>, body = ""): Promise<Answer> {
    const request = this.#request(method, parameters);
    request.end(body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let text = "";
    response.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    await once(response, "end");
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  }

  /** Sends messages and answers what the server says of the channel: held or not, newest message, bytes unheard. */
  async send(messages: readonly object[], offset: number, acknowledged = 0): Promise<unknown> {
    const parameters = { SID: this.#sid, AID: String(acknowledged), RID: "7" };
    const { status, text } = await this.ask("POST", parameters, formOf(messages, offset));
    return status === 200 ? framesOf(text)[0] : `${status} ${text}`;
  }

  /** Holds a back channel. */
  async hold(acknowledged = 0, parameters: Record<string, string> = {}): Promise<HeldAnswer> {
    const request = this.#request("GET", {
      SID: this.#sid,
      RID: "rpc",
      AID: String(acknowledged),
      CI: "0",
      TYPE: "xmlhttp",
      ...parameters,
    });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return new HeldAnswer(request, response);
  }

  terminate(method = "POST"): Promise<Answer> {
    return this.ask(method, { SID: this.#sid, RID: "8", TYPE: "terminate" });
  }

  #request(method: string, parameters: Record<string, string>): ClientRequest {
    const query = new URLSearchParams({ VER: "8", ...parameters });
    return httpRequest({
      host: "127.0.0.1",
      port: this.#port,
      method,
      path: `/google.firestore.v1.Firestore/${this.#options.rpc ?? "Listen"}/channel?${query.toString()}`,
      headers: this.#options.headers ?? {},
    });
  }
}

/** The answer to a held GET, read as it comes. */
export class HeldAnswer {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  #text = "";
  #isOver = false;

  constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.response = response;
    response.setEncoding("latin1").on("data", (chunk: string) => (this.#text += chunk));
    response.on("close", () => (this.#isOver = true));
    response.on("error", () => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes of the frames, lengths included. */
  get size(): number {
    return this.#text.length;
  }

  get messages(): Numbered[] {
    return (framesOf(this.#text) as Numbered[][]).flat();
  }

  /** Waits until so many messages have come. */
  async take(count: number): Promise<Numbered[]> {
    await until(() => this.#isWhole() && this.messages.length >= count, `${count} messages came`);
    return this.messages;
  }

  async untilOver(): Promise<Numbered[]> {
    await until(() => this.#isOver, "the answer ended");
    return this.messages;
  }

  hangUp(): void {
    this.#request.destroy();
  }

  #isWhole(): boolean {
    try {
      return framesOf(this.#text).length >= 0;
    } catch {
      return false;
    }
  }
}

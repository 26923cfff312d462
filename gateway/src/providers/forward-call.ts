/** Sends one call to its provider and its answer back, as it comes. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { headersForCaller, headersForProvider } from "./call-headers.ts";
import type { ProviderConfig } from "./provider-config.ts";
import { TokenUsage } from "./token-usage.ts";
import type { CallOutcome } from "./usage-table.ts";

export interface Call {
  readonly provider: ProviderConfig;
  readonly key: string;
  /** At the provider. */
  readonly path: string;
  readonly body: Buffer;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Models think for minutes before the first byte; between two bytes a stream is silent for seconds only. */
const FIRST_BYTE_MS = 600_000;
const SILENCE_MS = 120_000;

const AGENTS = {
  "http:": new HttpAgent({ keepAlive: true, timeout: 30_000 }),
  "https:": new HttpsAgent({ keepAlive: true, timeout: 30_000 }),
};

/** Resolves when the answer is through, or the caller has left; rejects, before anything was answered, when the provider does not answer. */
export async function forwardCall(call: Call, timers: Timers): Promise<CallOutcome> {
  const upstream = open(call);
  const patience = new Patience(timers, () =>
    upstream.destroy(new Error("the provider fell silent")),
  );
  const leave = () => upstream.destroy(new Error("the caller left"));
  call.response.once("close", leave);
  try {
    patience.wait(FIRST_BYTE_MS);
    const answer = await answerOf(upstream, call);
    return await passOn(answer, call, patience);
  } finally {
    patience.end();
    call.response.off("close", leave);
  }
}

function open({ provider, key, path, body, request }: Call): ClientRequest {
  const { baseUrl } = provider;
  const isTls = baseUrl.protocol === "https:";
  const start = isTls ? httpsRequest : httpRequest;
  const upstream = start({
    protocol: baseUrl.protocol,
    hostname: baseUrl.hostname.replace(/^\[|\]$/g, ""),
    port: baseUrl.port,
    path: `${baseUrl.pathname.replace(/\/$/, "")}${path}`,
    method: request.method ?? "GET",
    headers: headersForProvider(request.headers, provider, key, body.length),
    agent: AGENTS[isTls ? "https:" : "http:"],
  });
  upstream.end(body);
  return upstream;
}

function answerOf(upstream: ClientRequest, { provider }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once("response", resolve);
    upstream.on("error", (error) => {
      const detail = `The provider ${provider.name} did not answer: ${messageOf(error)}. Try again.`;
      reject(new BifrostError("upstream-unavailable", detail, { provider: provider.name }));
    });
  });
}

async function passOn(
  answer: IncomingMessage,
  { body, response }: Call,
  patience: Patience,
): Promise<CallOutcome> {
  const usage = new TokenUsage(answer.headers["content-type"] ?? "", body.length);
  const status = answer.statusCode ?? 502;
  response.writeHead(status, headersForCaller(answer.headers));
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      patience.wait(SILENCE_MS);
      usage.take(chunk);
      if (!response.write(chunk)) await drained(response, patience);
    }
    response.end();
  } catch {
    // Cut off as it was: the caller must not take half an answer for a whole one.
    response.destroy();
    if (status >= 400) return { kind: "failed" };
  }
  if (status >= 500) return { kind: "failed" };
  // A refusal costs nothing; half an answer does.
  return status >= 400
    ? { kind: "answered", tokens: 0, isEstimate: false }
    : { kind: "answered", ...usage.total() };
}

/** A caller who does not read is waited for as long as a silent provider. */
function drained(response: ServerResponse, patience: Patience): Promise<void> {
  patience.wait(SILENCE_MS);
  return new Promise((resolve, reject) => {
    const end = (error?: Error) => {
      response.off("drain", onDrain);
      response.off("close", onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onDrain = () => end();
    const onClose = () => end(new Error("the caller left"));
    response.once("drain", onDrain);
    response.once("close", onClose);
  });
}

class Patience {
  private readonly timers: Timers;
  private readonly onEnd: () => void;
  private timer: Timer | null = null;

  constructor(timers: Timers, onEnd: () => void) {
    this.timers = timers;
    this.onEnd = onEnd;
  }

  wait(ms: number): void {
    this.timer?.cancel();
    this.timer = this.timers.after(ms, this.onEnd);
  }

  end(): void {
    this.timer?.cancel();
  }
}

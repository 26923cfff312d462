/** Where apps call AI providers: `POST /<provider>/<path of its API>` with the token of their project in place of a key. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { projectOfToken } from "@bifrost/shared/domain/provider-token";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { listen } from "../control/listen.ts";
import { problemResponse } from "../control/problem.ts";
import { type Budget, budgetsOf } from "./budgets.ts";
import { forwardCall } from "./forward-call.ts";
import type { ProviderConfig } from "./provider-config.ts";
import type { ProviderLimits } from "./provider-limits.ts";
import { modelOf, readTarget } from "./read-call.ts";
import type { UsageTable } from "./usage-table.ts";

export interface ProviderServerOptions {
  readonly host: string;
  readonly port: number;
  readonly providers: readonly ProviderConfig[];
  /** By the name of the provider. */
  readonly keys: ReadonlyMap<string, string>;
  /** Projects' tokens are made with it. */
  readonly secret: string;
  readonly limits: ProviderLimits;
  readonly usage: UsageTable;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface RunningProviderServer {
  readonly port: number;
  /** Takes no new calls; those under way may end within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const MOST_BODY_BYTES = 8 * 1024 ** 2;
/** Of all bodies that are held at once. */
const MOST_HELD_BYTES = 128 * 1024 ** 2;
const MOST_CONNECTIONS = 4096;

export async function startProviderServer(
  options: ProviderServerOptions,
): Promise<RunningProviderServer> {
  const calls = new ProviderCalls(options);
  const server = createServer(
    { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 60_000 },
    (request, response) => void calls.serve(request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, options, "The server for calls of AI providers");
  return {
    port: (server.address() as AddressInfo).port,
    async stop(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.race([closed, options.timers.sleep(graceMs)]);
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Admitted {
  readonly provider: ProviderConfig;
  readonly key: string;
  readonly projectId: string;
  readonly path: string;
}

class ProviderCalls {
  private readonly options: ProviderServerOptions;
  private readonly providers: ReadonlyMap<string, ProviderConfig>;
  private heldBytes = 0;

  constructor(options: ProviderServerOptions) {
    this.options = options;
    this.providers = new Map(options.providers.map((provider) => [provider.name, provider]));
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    try {
      const admitted = this.admit(request);
      await this.withBody(request, (body) => this.call(admitted, body, request, response));
    } catch (error) {
      // Who left hears no answer, and that it left is no defect.
      if (!(error instanceof BifrostError) && !request.destroyed) {
        this.options.log.error("call of a provider failed", { error: messageOf(error) });
      }
      await answerProblem(response, error);
    }
  }

  private admit(request: IncomingMessage): Admitted {
    const { secret, keys } = this.options;
    const projectId = projectOfToken(secret, tokenOf(request));
    if (projectId === null) {
      throw new BifrostError(
        "unauthenticated",
        "Calls of AI providers need the token of a project, where the provider's own key would stand.",
      );
    }
    const target = readTarget(request.url ?? "");
    const provider = this.providers.get(target?.provider ?? "");
    const key = keys.get(provider?.name ?? "");
    if (target === null || provider === undefined || key === undefined) {
      const known = [...this.providers.keys()].join(", ");
      throw new BifrostError(
        "not-found",
        `There is no such provider here; the path begins with one of: ${known}.`,
      );
    }
    return { provider, key, projectId, path: target.path };
  }

  private async call(
    { provider, key, projectId, path }: Admitted,
    body: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { limits, usage, timers } = this.options;
    const model = modelOf(path, body);
    const budgets = budgetsOf(provider, projectId, model);
    const over = await limits.begin(budgets);
    if (over !== null) {
      usage.add(provider.name, model, projectId, { kind: "limited" });
      const seconds = Math.max(1, Math.ceil(over.seconds));
      response.setHeader("retry-after", seconds);
      throw overLimit(provider.name, over.budget, seconds);
    }
    try {
      const call = { provider, key, path, body, request, response };
      const outcome = await forwardCall(call, timers);
      usage.add(provider.name, model, projectId, outcome);
      if (outcome.kind === "answered") limits.end(budgets, outcome.tokens);
    } catch (error) {
      if (!response.destroyed) usage.add(provider.name, model, projectId, { kind: "failed" });
      throw error;
    }
  }

  /** The body counts as held until the call is over. */
  private async withBody(
    request: IncomingMessage,
    use: (body: Buffer) => Promise<void>,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        this.heldBytes += chunk.length;
        if (bytes > MOST_BODY_BYTES) throw tooLarge();
        if (this.heldBytes > MOST_HELD_BYTES) throw tooMuch();
        chunks.push(chunk);
      }
      await use(Buffer.concat(chunks));
    } finally {
      this.heldBytes -= bytes;
    }
  }
}

/** Where the client libraries of providers put their key. */
function tokenOf({ headers }: IncomingMessage): string {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "")?.[1];
  const found = bearer ?? headers["x-api-key"] ?? headers["x-goog-api-key"] ?? "";
  return typeof found === "string" ? found : "";
}

async function answerProblem(response: ServerResponse, error: unknown): Promise<void> {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const problem = problemResponse(error);
  // Nobody reads what is left of the request.
  response.setHeader("connection", "close");
  response.writeHead(problem.status, { "content-type": "application/problem+json" });
  response.end(await problem.text());
}

function overLimit(provider: string, { counts, key }: Budget, seconds: number): BifrostError {
  const [, model] = key.split("\n");
  const what = model === "*" ? "all models" : `the model ${model}`;
  return new BifrostError(
    "rate-limited",
    `Over the limit of ${counts} a minute for ${what} of ${provider}; try again in ${seconds} s.`,
    { provider, retryAfterSeconds: seconds },
  );
}

function tooLarge(): BifrostError {
  const detail = `The body is larger than ${MOST_BODY_BYTES} bytes, the most for a call of a provider.`;
  return new BifrostError("body-too-large", detail, { allowed: MOST_BODY_BYTES });
}

function tooMuch(): BifrostError {
  const detail = "This gateway holds as many bodies as it may; try again in a moment.";
  return new BifrostError("upstream-unavailable", detail);
}

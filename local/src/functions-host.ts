/** Serves every function from one process, each under its own name and identity, through functions-framework. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { readFunctionConfig } from "@bifrost/functions/config";
import { createFunction } from "@bifrost/functions/create-function";
import { toHttpFunction } from "@bifrost/functions/http-adapter";
import { type FunctionEntry, FUNCTIONS } from "@bifrost/functions/registry";
import type { Service } from "@bifrost/functions/service";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { http } from "@google-cloud/functions-framework";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { readHostConfig } from "./functions-host/config.ts";
import { runWithoutDomains } from "./functions-host/without-domains.ts";

const host = readHostConfig();
const log = structuredLogger({ service: "functions", level: "info" });
runWithoutDomains((error) => {
  log.error("a function threw outside of its promise", { error });
});

/** The framework's own server per function; requests are handed to it without another socket in between. */
const servers = new Map<string, Server>(FUNCTIONS.map((entry) => [entry.name, serverOf(entry)]));

function serverOf(entry: FunctionEntry): Server {
  let service: Promise<Service> | null = null;
  http(
    entry.name,
    toHttpFunction(() => {
      const identity = { BIFROST_METADATA_URL: `${host.metadataBase}/${entry.name}` };
      service ??= createFunction(entry, readFunctionConfig({ ...host.environment, ...identity }));
      return service;
    }),
  );
  return getTestServer(entry.name);
}

function route(request: IncomingMessage, response: ServerResponse): void {
  const [, name = ""] = (request.url ?? "/").split(/[/?]/, 2);
  const server = servers.get(name);
  if (server === undefined) {
    response.writeHead(404, { "content-type": "application/problem+json" });
    response.end(
      JSON.stringify({
        title: "Not found",
        status: 404,
        detail: `there is no function ${name}`,
        code: "not-found",
      }),
    );
    return;
  }
  request.url = request.url?.slice(name.length + 1) || "/";
  if (!request.url.startsWith("/")) request.url = `/${request.url}`;
  server.emit("request", request, response);
}

/** Loads the large clients while nobody waits, so that the first deployment does not pay for it. */
async function warmUp(): Promise<void> {
  await import("@google-cloud/workflows");
  await import("@google-cloud/pubsub");
  await import("@google-cloud/cloudbuild");
  await import("@kubernetes/client-node");
  await import("@google-cloud/storage");
  await import("@google-cloud/firestore");
  await import("@octokit/app");
}

const front = createServer(route);
front.keepAliveTimeout = 60_000;
front.listen(host.port, "127.0.0.1", () => {
  process.stdout.write(
    `${JSON.stringify({ severity: "INFO", message: "functions ready", ready: true })}\n`,
  );
  void warmUp();
});

function end(): void {
  process.exit(0);
}
process.on("SIGTERM", end);
process.stdin.on("end", end).on("close", end).resume();

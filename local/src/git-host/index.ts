/** Embedded git host: smart HTTP for git, GitHub's REST subset for the App, signed push webhooks. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { announcePush } from "./announce-push.ts";
import { AppAuth } from "./app-auth.ts";
import { HttpError } from "./http-error.ts";
import { Repositories } from "./repositories.ts";
import { handleRest, sendJson, type RestContext } from "./rest-api.ts";
import { advertise, parseGitPath, receivePack, uploadPack, type GitPath } from "./smart-http.ts";
import { StatusStore } from "./status-store.ts";
import { WebhookOutbox, type DeliveryResult, type WebhookTarget } from "./webhook-outbox.ts";

export interface GitCredentials {
  readonly user: string;
  readonly password: string;
}

export interface GitHostOptions extends StandInOptions {
  /** Decides git access to `owner/name`; an installation token as password may always pull. */
  readonly authorizeGit: (
    credentials: GitCredentials | null,
    repository: string,
    action: "pull" | "push",
  ) => Promise<boolean>;
  readonly webhook: WebhookTarget;
  readonly appId: string;
  readonly appPublicKeyPem: string;
  /** Lines shown to the pusher for the webhook receiver's JSON answer. */
  readonly describePush?: (answer: unknown) => readonly string[];
}

export interface RunningGitHost extends RunningStandIn {
  /** Base URL of git remotes (`<url>/owner/name.git`) and of the REST API. */
  readonly url: string;
}

interface Host extends RestContext {
  readonly options: GitHostOptions;
  readonly outbox: WebhookOutbox;
}

export async function startGitHost(options: GitHostOptions): Promise<RunningGitHost> {
  const dir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "bifrost-git-")));
  await mkdir(dir, { recursive: true });
  const app = { appId: options.appId, publicKeyPem: options.appPublicKeyPem };
  const now = () => options.timers.now();
  let port = 0;
  const host: Host = {
    options,
    now,
    auth: await AppAuth.open(join(dir, "token-secret"), app, now),
    repositories: new Repositories(join(dir, "repositories")),
    statuses: new StatusStore(join(dir, "statuses")),
    outbox: new WebhookOutbox(
      join(dir, "deliveries"),
      options.webhook,
      options.timers,
      options.log,
    ),
    baseUrl: () => `http://127.0.0.1:${port}`,
  };
  const server = createServer((request, response) => {
    handle(host, request, response).catch((error: unknown) => fail(host, request, response, error));
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  ({ port } = server.address() as AddressInfo);
  await host.outbox.start();
  for (const repository of await host.repositories.list()) {
    announce(host, repository, "unknown").catch((error: unknown) => {
      options.log.error("push could not be announced", { repository, error: messageOf(error) });
    });
  }
  return {
    product: "git-host",
    host: "127.0.0.1",
    port,
    url: host.baseUrl(),
    info: () => ({ delivered: host.outbox.delivered, failedDeliveries: host.outbox.failed }),
    async stop() {
      host.outbox.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      if (options.dataDir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

async function handle(
  host: Host,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", host.baseUrl());
  const path = parseGitPath(url);
  if (path === undefined) return handleRest(host, request, response, url);
  if (request.method !== (path.isAdvertisement ? "GET" : "POST")) {
    throw new HttpError(405, `${request.method} is not allowed here`);
  }
  const credentials = readCredentials(request.headers.authorization);
  await requireGitAccess(host, credentials, path);
  const dir = await host.repositories.ensure(path.repository);
  if (path.isAdvertisement) return advertise(dir, path.service, request, response);
  if (path.service === "git-upload-pack") return uploadPack(dir, request, response);
  const pusher = credentials?.user ?? "anonymous";
  return host.repositories.exclusively(path.repository, () =>
    receivePack(dir, request, response, async () => {
      const results = await announceUnlocked(host, path.repository, pusher);
      return results.flatMap((result) => describe(host, result));
    }),
  );
}

async function requireGitAccess(host: Host, credentials: GitCredentials | null, path: GitPath) {
  const action = path.service === "git-receive-pack" ? "push" : "pull";
  const isApp = credentials !== null && host.auth.isInstallationToken(credentials.password);
  if (isApp && action === "pull") return;
  if (await host.options.authorizeGit(credentials, path.repository, action)) return;
  if (credentials === null) throw new HttpError(401, "a user and a password are needed");
  throw new HttpError(403, `${credentials.user} may not ${action} ${path.repository}`);
}

function readCredentials(header: string | undefined): GitCredentials | null {
  const encoded = /^basic (\S+)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return null;
  const [user = "", ...password] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return { user, password: password.join(":") };
}

function announce(host: Host, repository: string, pusher: string): Promise<DeliveryResult[]> {
  return host.repositories.exclusively(repository, () =>
    announceUnlocked(host, repository, pusher),
  );
}

async function announceUnlocked(host: Host, repository: string, pusher: string) {
  const dir = await host.repositories.find(repository);
  const cloneUrl = `${host.baseUrl()}/${repository}.git`;
  return announcePush(host.outbox, { dir, repository, cloneUrl, pusher });
}

function describe(host: Host, result: DeliveryResult): readonly string[] {
  if (result.ok) return host.options.describePush?.(result.answer) ?? [];
  return [`The push is stored. Bifrost was not told yet: ${result.why}. It will be, by itself.`];
}

function fail(host: Host, request: IncomingMessage, response: ServerResponse, error: unknown) {
  const known = error instanceof HttpError ? error : undefined;
  if (known === undefined) {
    const { url } = request;
    host.options.log.error("git host request failed", { url, error: messageOf(error) });
  }
  if (response.headersSent) return void response.destroy();
  const status = known?.status ?? 500;
  if (status === 401) response.setHeader("www-authenticate", 'Basic realm="bifrost"');
  if (!request.complete) response.setHeader("connection", "close");
  return sendJson(response, status, { message: known?.message ?? "internal error", status });
}

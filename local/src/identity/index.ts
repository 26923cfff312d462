/** Stand-in for Identity Toolkit and Secure Token: custom tokens in, Firebase ID tokens out. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { FirebaseVerifier } from "@bifrost/shared/cloud/firebase-verifier";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { notImplemented } from "../serving/google-error.ts";
import { isLocalOrigin } from "../serving/local-origin.ts";
import { listenOnLoopback, sendJson } from "../serving/loopback-server.ts";
import type { Claims } from "../iam/rs256.ts";
import { checkApiKey } from "./api-key.ts";
import { lookup, refresh, signInWithCustomToken } from "./endpoints.ts";
import type { IdentityContext } from "./endpoints.ts";
import { KeyRing } from "./key-ring.ts";
import { publishedKeys } from "./published-keys.ts";
import { loadRefreshSecret } from "./refresh-secret.ts";
import { Sessions } from "./sessions.ts";
import type { SessionTokens } from "./sessions.ts";
import type { User } from "./user-claims.ts";

export interface IdentityOptions extends StandInOptions {
  readonly projectId: string;
  /** The web API key that callers must send as `key`. */
  readonly apiKey: string;
  /** Who a custom token is for; rejects when it was not signed by an account that may sign. */
  readonly verifyCustomToken: (jwt: string) => Promise<User>;
}

export interface RunningIdentity extends RunningStandIn {
  /** The check that production's functions make, against this server's own keys. */
  readonly verifyIdToken: FirebaseVerifier;
  /** Signs a user in without a custom token: for the assembler's own credential and for tests. */
  mintUserToken(uid: string, claims?: Claims): Promise<SessionTokens>;
}

export async function startIdentity(options: IdentityOptions): Promise<RunningIdentity> {
  const { dataDir, projectId, timers, log, verifyCustomToken, apiKey } = options;
  const inData = (name: string) => (dataDir === undefined ? undefined : join(dataDir, name));
  const keys = await KeyRing.open({ directory: inData("keys"), timers, log });
  const secret = loadRefreshSecret(inData("refresh-secret"));
  const sessions = new Sessions({ projectId, keys, secret, clock: timers });
  const context: IdentityContext = { projectId, sessions, verifyCustomToken };
  let signIns = 0;
  const server = await listenOnLoopback({
    port: options.port,
    log,
    async handle(request, response, url) {
      if (answerBrowser(request, response)) return;
      const path = url.pathname.replace(/^\/(identitytoolkit|securetoken)\.googleapis\.com/, "");
      const published = publishedKeys(keys, path);
      if (published !== undefined) return sendJson(response, 200, published);
      const endpoint = request.method === "POST" ? ENDPOINTS[path] : undefined;
      if (endpoint === undefined) throw notImplemented(`${request.method} ${path}`);
      checkApiKey(request, url, apiKey);
      const body = await endpoint(context, request);
      if (endpoint === signInWithCustomToken) signIns += 1;
      sendJson(response, 200, body);
    },
  });
  return {
    product: "identity",
    host: "127.0.0.1",
    port: server.port,
    verifyIdToken: (token) => sessions.verify(token),
    mintUserToken: async (uid, claims = {}) => sessions.signIn({ uid, claims }),
    info: () => ({ projectId, signIns }),
    stop: () => {
      keys.close();
      return server.close();
    },
  };
}

const ENDPOINTS: Readonly<
  Record<string, (context: IdentityContext, request: IncomingMessage) => Promise<object>>
> = {
  "/v1/accounts:signInWithCustomToken": signInWithCustomToken,
  "/v1/accounts:lookup": lookup,
  "/v1/token": refresh,
};

/** The dashboard calls from another origin of this machine and may read every reply; a preflight ends here. */
function answerBrowser(request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  response.setHeader("vary", "Origin");
  if (origin === undefined || !isLocalOrigin(origin)) return false;
  response.setHeader("access-control-allow-origin", origin);
  if (request.method !== "OPTIONS") return false;
  response.writeHead(204, {
    "access-control-allow-methods": "POST, GET",
    "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "*",
    "access-control-max-age": "3600",
  });
  response.end();
  return true;
}

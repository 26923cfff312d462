/** Stand-in for Identity Toolkit and Secure Token: custom tokens in, Firebase ID tokens out. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { notImplemented } from "../serving/google-error.ts";
import { listenOnLoopback, sendJson } from "../serving/loopback-server.ts";
import type { Claims } from "../iam/rs256.ts";
import { loadSigningKey, publicJwk, publicPem } from "../iam/signing-key.ts";
import type { SigningKey } from "../iam/signing-key.ts";
import { checkApiKey } from "./api-key.ts";
import { lookup, refresh, signInWithCustomToken } from "./endpoints.ts";
import type { IdentityContext } from "./endpoints.ts";
import { Sessions } from "./sessions.ts";
import type { SessionTokens, VerifiedUser } from "./sessions.ts";
import type { User } from "./user-claims.ts";

export interface IdentityOptions extends StandInOptions {
  readonly projectId: string;
  /** The web API key that callers must send as `key`. */
  readonly apiKey: string;
  /** Who a custom token is for; rejects when it was not signed by an account that may sign. */
  readonly verifyCustomToken: (jwt: string) => Promise<User>;
}

export interface RunningIdentity extends RunningStandIn {
  /**
   * Strict check of a Firebase ID token: signature, RS256 only, exp, aud, iss.
   * @throws BifrostError `unauthenticated`
   */
  verifyIdToken(token: string): Promise<VerifiedUser>;
  /** Signs a user in without a custom token: for the assembler's own credential and for tests. */
  mintUserToken(uid: string, claims?: Claims): Promise<SessionTokens>;
}

const SECURE_TOKEN = "securetoken@system.gserviceaccount.com";

export async function startIdentity(options: IdentityOptions): Promise<RunningIdentity> {
  const { dataDir, projectId, timers, log, verifyCustomToken, apiKey } = options;
  const key = await loadSigningKey(
    dataDir === undefined ? undefined : join(dataDir, "securetoken.pem"),
  );
  const sessions = new Sessions(projectId, key, timers);
  const context: IdentityContext = { projectId, sessions, verifyCustomToken };
  let signIns = 0;
  const server = await listenOnLoopback({
    port: options.port,
    log,
    async handle(request, response, url) {
      if (answerBrowser(request, response)) return;
      const path = url.pathname.replace(/^\/(identitytoolkit|securetoken)\.googleapis\.com/, "");
      const keys = publicKeys(key, path);
      if (keys !== undefined) return sendJson(response, 200, keys);
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
    verifyIdToken: async (token) => sessions.verify(token),
    mintUserToken: async (uid, claims = {}) => sessions.signIn({ uid, claims }),
    info: () => ({ projectId, signIns }),
    stop: () => server.close(),
  };
}

const ENDPOINTS: Readonly<
  Record<string, (context: IdentityContext, request: IncomingMessage) => Promise<object>>
> = {
  "/v1/accounts:signInWithCustomToken": signInWithCustomToken,
  "/v1/accounts:lookup": lookup,
  "/v1/token": refresh,
};

/** The dashboard calls from another origin; every reply may be read by it, a preflight ends here. */
function answerBrowser(request: IncomingMessage, response: ServerResponse): boolean {
  response.setHeader("access-control-allow-origin", "*");
  if (request.method !== "OPTIONS") return false;
  response.writeHead(204, {
    "access-control-allow-methods": "POST, GET",
    "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "*",
    "access-control-max-age": "3600",
  });
  response.end();
  return true;
}

function publicKeys(key: SigningKey, path: string): unknown {
  if (path === `/service_accounts/v1/jwk/${SECURE_TOKEN}`) return { keys: [publicJwk(key)] };
  if (path === `/robot/v1/metadata/x509/${SECURE_TOKEN}`) return { [key.keyId]: publicPem(key) };
  return undefined;
}

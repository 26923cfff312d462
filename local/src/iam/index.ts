/** Stand-in for Google's token endpoints: OIDC issuer, metadata server, IAM Credentials. */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { AccessTokens } from "./access-tokens.ts";
import { AccountKeys } from "./account-keys.ts";
import type { CustomToken } from "./account-keys.ts";
import { Accounts, SERVICE_ACCOUNTS } from "./accounts.ts";
import type { ServiceAccount } from "./accounts.ts";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import { IdTokens } from "./id-tokens.ts";
import { listenOnLoopback, readJson, sendJson } from "../serving/loopback-server.ts";
import { answerMetadata } from "./metadata-server.ts";
import type { Claims } from "./rs256.ts";
import { signJwt } from "./sign-jwt.ts";
import { loadSigningKey, publicJwk, publicPem } from "./signing-key.ts";
import type { SigningKey } from "./signing-key.ts";

export interface IamOptions extends StandInOptions {
  readonly projectId: string;
  /** Service names beyond the platform's own list. */
  readonly extraAccounts?: readonly string[];
  /** Services that may call signJwt on themselves; default `["issue-principal"]`. */
  readonly signers?: readonly string[];
  /** Path part without which the metadata server answers nobody: other programs of the machine must not pose as a service. */
  readonly metadataKey?: string;
  /** The service whose metadata is served without the `/metadata/<service>` prefix; default none. */
  readonly defaultService?: string;
}

export interface RunningIam extends RunningStandIn {
  /** `iss` of every ID token, and the base URL of this server. */
  readonly issuer: string;
  /** Base of one service's metadata server; append `/computeMetadata/v1/...`. */
  metadataUrl(service: string): string;
  /** ID token of a service (name or e-mail); the same one until it nears its end. */
  idToken(service: string, audience: string): Promise<string>;
  /** @throws BifrostError `unauthenticated` */
  verifyIdToken(token: string, audience: string): Promise<Claims>;
  /** Access token of a service (name or e-mail), one hour. */
  accessToken(service: string): Promise<string>;
  /** E-mail behind an access token; undefined when it is forged or expired. */
  accountOf(accessToken: string): string | undefined;
  /** @throws BifrostError `unauthenticated` */
  verifyCustomToken(jwt: string): Promise<CustomToken>;
}

interface IamState {
  readonly options: IamOptions;
  readonly accounts: Accounts;
  readonly issuerKey: SigningKey;
  readonly accessTokens: AccessTokens;
  readonly keys: AccountKeys;
  /** Known only once the port is, hence set after listening. */
  idTokens: IdTokens;
}

const MAX_BODY = 64 * 1024;

export async function startIam(options: IamOptions): Promise<RunningIam> {
  const state = await createState(options);
  const server = await listenOnLoopback({
    port: options.port,
    log: options.log,
    handle: (request, response, url) => route(state, request, response, url),
  });
  const issuer = `http://127.0.0.1:${server.port}`;
  state.idTokens = new IdTokens(state.issuerKey, issuer, options.timers);
  const { accounts, keys, accessTokens } = state;
  return {
    product: "iam",
    host: "127.0.0.1",
    port: server.port,
    issuer,
    metadataUrl: (service) => `${issuer}${metadataRoot(options)}/${accounts.get(service).service}`,
    idToken: async (service, audience) => state.idTokens.issue(accounts.get(service), audience),
    verifyIdToken: async (token, audience) => state.idTokens.verify(token, audience),
    accessToken: async (service) => accessTokens.issue(accounts.get(service).email),
    accountOf: (token) => accessTokens.emailOf(token),
    verifyCustomToken: (jwt) => keys.verifyCustomToken(jwt),
    info: () => ({ issuer, accounts: accounts.size }),
    stop: () => server.close(),
  };
}

function metadataRoot({ metadataKey }: IamOptions): string {
  return metadataKey === undefined ? "/metadata" : `/metadata/${metadataKey}`;
}

async function createState(options: IamOptions): Promise<IamState> {
  const { dataDir, projectId, extraAccounts = [], signers = ["issue-principal"] } = options;
  const inData = (name: string) => (dataDir === undefined ? undefined : join(dataDir, name));
  const accounts = new Accounts(projectId, [...SERVICE_ACCOUNTS, ...extraAccounts]);
  const issuerKey = await loadSigningKey(inData("issuer.pem"));
  const secret = createHash("sha256")
    .update(issuerKey.privateKey.export({ type: "pkcs8", format: "der" }))
    .digest();
  return {
    options,
    accounts,
    issuerKey,
    accessTokens: new AccessTokens(secret, options.timers),
    keys: new AccountKeys({
      dataDir: inData("accounts"),
      accounts,
      signers,
      clock: options.timers,
    }),
    idTokens: new IdTokens(issuerKey, "http://127.0.0.1", options.timers),
  };
}

async function route(
  state: IamState,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const path = url.pathname;
  const root = metadataRoot(state.options);
  const metadata = path.startsWith(`${root}/`)
    ? /^\/([^/]+)(\/.*)?$/.exec(path.slice(root.length))
    : null;
  if (metadata !== null) {
    const account = knownAccount(state, metadata[1] ?? "");
    return metadataOf(state, account, request, response, metadata[2] ?? "/", url);
  }
  if (path.startsWith("/computeMetadata/v1") || path === "/") {
    const account = knownAccount(state, state.options.defaultService ?? "(no default service)");
    return metadataOf(state, account, request, response, path, url);
  }
  const document = publicDocument(state, path);
  if (document !== undefined) {
    response.setHeader("cache-control", "public, max-age=300");
    return sendJson(response, 200, document);
  }
  const sign = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):signJwt$/.exec(
    path.replaceAll("%40", "@"),
  );
  if (sign === null || request.method !== "POST") throw notImplemented(`${request.method} ${path}`);
  const caller = callerOf(state, request);
  const body = await readJson(request, MAX_BODY);
  const context = { accounts: state.accounts, keys: state.keys, clock: state.options.timers };
  sendJson(response, 200, await signJwt(context, caller, sign[1] ?? "", body));
}

function metadataOf(
  state: IamState,
  account: ServiceAccount,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  url: URL,
): void {
  const { accessTokens, idTokens, options } = state;
  const context = { projectId: options.projectId, accessTokens, idTokens };
  answerMetadata(context, account, request, response, path, url.searchParams);
}

function knownAccount(state: IamState, service: string): ServiceAccount {
  const account = state.accounts.find(service);
  if (account !== undefined) return account;
  throw new GoogleError("NOT_FOUND", `There is no service account ${service}.`);
}

function callerOf(state: IamState, request: IncomingMessage): string {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
  const email = token === undefined ? undefined : state.accessTokens.emailOf(token);
  if (email !== undefined) return email;
  throw new GoogleError(
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token.",
  );
}

/** What anyone may read: keys and where they are. */
function publicDocument(state: IamState, path: string): unknown {
  const { issuer } = state.idTokens;
  switch (path) {
    case "/oauth2/v3/certs":
      return { keys: [publicJwk(state.issuerKey)] };
    case "/oauth2/v1/certs":
      return { [state.issuerKey.keyId]: publicPem(state.issuerKey) };
    case "/.well-known/openid-configuration":
      return {
        issuer,
        jwks_uri: `${issuer}/oauth2/v3/certs`,
        id_token_signing_alg_values_supported: ["RS256"],
        subject_types_supported: ["public"],
        response_types_supported: ["id_token"],
      };
    default:
      return undefined;
  }
}

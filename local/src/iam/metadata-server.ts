/** The metadata server of one service: `/computeMetadata/v1/...` as Compute Engine and Cloud Run answer it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AccessTokens } from "./access-tokens.ts";
import { ACCESS_TOKEN_SECONDS } from "./access-tokens.ts";
import type { ServiceAccount } from "./accounts.ts";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import type { IdTokens } from "./id-tokens.ts";

export interface MetadataContext {
  readonly projectId: string;
  readonly idTokens: IdTokens;
  readonly accessTokens: AccessTokens;
}

const BASE = "/computeMetadata/v1";
const ACCOUNT_PATH = /^\/instance\/service-accounts\/([^/]+)\/(.*)$/;
const MAX_AUDIENCE = 2048;

/** The empty ones answer the probe by which clients find out that there is a metadata server. */
const FIXED: Readonly<Record<string, (context: MetadataContext) => string>> = {
  "": () => "",
  "/instance": () => "",
  "/project/project-id": (context) => context.projectId,
  "/universe/universe-domain": () => "googleapis.com",
};

/** `path` begins at `/computeMetadata/v1`, or is `/` for the presence probe. */
export function answerMetadata(
  context: MetadataContext,
  account: ServiceAccount,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): void {
  response.setHeader("metadata-flavor", "Google");
  const forwarded = request.headers["x-forwarded-for"] !== undefined;
  if (request.headers["metadata-flavor"] !== "Google" || forwarded) {
    throw new GoogleError("PERMISSION_DENIED", "Missing Metadata-Flavor:Google header.");
  }
  const below = path.slice(BASE.length).replace(/\/$/, "");
  const fixed = FIXED[below]?.(context);
  if (fixed !== undefined) return sendText(response, fixed);
  const match = ACCOUNT_PATH.exec(below);
  if (match === null) throw notImplemented(`Metadata ${below}`);
  if (match[1] !== "default" && match[1] !== account.email) {
    throw new GoogleError("NOT_FOUND", `${match[1]} is not an account of this service.`);
  }
  answerAccount(context, account, response, match[2] ?? "", query);
}

function answerAccount(
  context: MetadataContext,
  account: ServiceAccount,
  response: ServerResponse,
  leaf: string,
  query: URLSearchParams,
): void {
  switch (leaf) {
    case "email":
      return sendText(response, account.email);
    case "scopes":
      return sendText(response, "https://www.googleapis.com/auth/cloud-platform\n");
    case "token":
      return sendText(
        response,
        JSON.stringify({
          access_token: context.accessTokens.issue(account.email),
          expires_in: ACCESS_TOKEN_SECONDS,
          token_type: "Bearer",
        }),
        "application/json",
      );
    case "identity": {
      const audience = query.get("audience") ?? "";
      if (audience === "" || audience.length > MAX_AUDIENCE) {
        throw new GoogleError("INVALID_ARGUMENT", "non-empty audience parameter required");
      }
      return sendText(response, context.idTokens.issue(account, audience));
    }
    default:
      throw notImplemented(`Metadata service-accounts/default/${leaf}`);
  }
}

function sendText(response: ServerResponse, text: string, type = "application/text"): void {
  response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** The three calls of Identity Toolkit and Secure Token that the platform's clients make. */
import type { IncomingMessage } from "node:http";
import { is, object, optional, string } from "valibot";
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import { readBody, readJson } from "../serving/loopback-server.ts";
import type { Sessions } from "./sessions.ts";
import { ID_TOKEN_SECONDS } from "./user-claims.ts";
import type { User } from "./user-claims.ts";

const MAX_BODY = 32 * 1024;
const SignInSchema = object({ token: string() });
const LookupSchema = object({ idToken: string() });
const RefreshSchema = object({ grant_type: string(), refresh_token: optional(string()) });

export interface IdentityContext {
  readonly projectId: string;
  readonly sessions: Sessions;
  readonly verifyCustomToken: (jwt: string) => Promise<User>;
}

export async function signInWithCustomToken(
  context: IdentityContext,
  request: IncomingMessage,
): Promise<object> {
  const body = await readJson(request, MAX_BODY);
  if (!is(SignInSchema, body)) throw new GoogleError("INVALID_ARGUMENT", "MISSING_CUSTOM_TOKEN");
  const user = await translated("INVALID_CUSTOM_TOKEN", () =>
    context.verifyCustomToken(body.token),
  );
  const tokens = await translated("INVALID_CUSTOM_TOKEN", async () =>
    context.sessions.signIn({ uid: user.uid, claims: user.claims }),
  );
  return {
    kind: "identitytoolkit#VerifyCustomTokenResponse",
    idToken: tokens.idToken,
    refreshToken: tokens.refreshToken,
    expiresIn: String(ID_TOKEN_SECONDS),
  };
}

/** There is no user directory: a user is what the token says. */
export async function lookup(context: IdentityContext, request: IncomingMessage): Promise<object> {
  const body = await readJson(request, MAX_BODY);
  if (!is(LookupSchema, body)) throw notImplemented("accounts:lookup without an idToken");
  const user = await translated("INVALID_ID_TOKEN", () => context.sessions.verify(body.idToken));
  const signedIn = String(Number(user.token["auth_time"]) * 1000);
  return {
    kind: "identitytoolkit#GetAccountInfoResponse",
    users: [
      {
        localId: user.uid,
        customAuth: true,
        createdAt: signedIn,
        lastLoginAt: signedIn,
        validSince: "0",
      },
    ],
  };
}

export async function refresh(context: IdentityContext, request: IncomingMessage): Promise<object> {
  const isForm = String(request.headers["content-type"]).startsWith(
    "application/x-www-form-urlencoded",
  );
  const body: unknown = isForm
    ? Object.fromEntries(new URLSearchParams((await readBody(request, MAX_BODY)).toString()))
    : await readJson(request, MAX_BODY);
  if (!is(RefreshSchema, body) || body.grant_type !== "refresh_token") {
    throw new GoogleError("INVALID_ARGUMENT", "INVALID_GRANT_TYPE");
  }
  const { refresh_token: given } = body;
  if (given === undefined) throw new GoogleError("INVALID_ARGUMENT", "MISSING_REFRESH_TOKEN");
  const tokens = await translated("INVALID_REFRESH_TOKEN", async () =>
    context.sessions.refresh(given),
  );
  return {
    access_token: tokens.idToken,
    id_token: tokens.idToken,
    refresh_token: tokens.refreshToken,
    expires_in: String(ID_TOKEN_SECONDS),
    token_type: "Bearer",
    user_id: tokens.uid,
    project_id: context.projectId,
  };
}

/** Identity Toolkit words refusals as `CODE : explanation` with status 400. */
async function translated<T>(code: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isBifrostError(error)) throw error;
    const explanation = messageOf(error) === code ? code : `${code} : ${messageOf(error)}`;
    throw new GoogleError("INVALID_ARGUMENT", explanation, {}, { cause: error });
  }
}

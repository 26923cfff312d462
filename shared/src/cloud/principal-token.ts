/**
 * The Firebase ID token of a function's own principal: identity → issue-principal → custom token → Identity Toolkit.
 * Cached and renewed before it ends; the token never leaves this file but in an Authorization header.
 */
import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";
import type { Clock } from "../domain/time.ts";
import type { Identity } from "../ports/identity.ts";

export interface PrincipalTokenOptions {
  /** URL of the issue-principal function; also the audience of the identity token. */
  readonly issuerUrl: string;
  /** `https://identitytoolkit.googleapis.com` in production. */
  readonly identityToolkitUrl: string;
  readonly apiKey: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
}

/** Renewed this long before the hour is over: longer than any one request lives. */
const RENEW_BEFORE_MS = 5 * 60_000;

const customTokenSchema = v.object({ customToken: v.string() });
const signInSchema = v.object({ idToken: v.string(), expiresIn: v.string() });

export function principalToken(options: PrincipalTokenOptions): () => Promise<string> {
  let token = "";
  let expiresAt = 0;
  let pending: Promise<string> | null = null;

  async function renew(): Promise<string> {
    const issued = await post(options, options.issuerUrl, {
      headers: { authorization: `Bearer ${await options.identity.idToken(options.issuerUrl)}` },
      body: {},
    });
    const { customToken } = v.parse(customTokenSchema, issued);
    const url = `${options.identityToolkitUrl}/v1/accounts:signInWithCustomToken?key=${options.apiKey}`;
    const signedIn = await post(options, url, {
      body: { token: customToken, returnSecureToken: true },
    });
    const { idToken, expiresIn } = v.parse(signInSchema, signedIn);
    token = idToken;
    expiresAt = options.clock.now() + Number(expiresIn) * 1000;
    return token;
  }

  return async () => {
    if (options.clock.now() < expiresAt - RENEW_BEFORE_MS) return token;
    pending ??= renew().finally(() => {
      pending = null;
    });
    return pending;
  };
}

async function post(
  options: PrincipalTokenOptions,
  url: string,
  request: { headers?: Record<string, string>; body: object },
): Promise<unknown> {
  const call = options.fetch ?? fetch;
  const target = new URL(url).pathname; // never the query: it carries the API key
  let response: Response;
  try {
    response = await call(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...request.headers },
      body: JSON.stringify(request.body),
      signal: AbortSignal.timeout(10_000),
    });
  } catch (error) {
    throw new BifrostError(
      "upstream-unavailable",
      "the identity service did not answer",
      { target },
      { cause: error },
    );
  }
  if (!response.ok) {
    await response.body?.cancel();
    const code = response.status >= 500 ? "upstream-unavailable" : "upstream-refused";
    throw new BifrostError(code, "the identity service refused to issue a principal", {
      target,
      status: response.status,
    });
  }
  return response.json();
}

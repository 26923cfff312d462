/** IAM Credentials `signJwt`: an account signs as itself, and only if it has signing rights. */
import { object, safeParse, string, array, optional, maxLength, pipe } from "valibot";
import type { Clock } from "@bifrost/shared/domain/time";
import type { AccountKeys } from "./account-keys.ts";
import type { Accounts } from "./accounts.ts";
import { GoogleError, notImplemented } from "../serving/google-error.ts";
import { signRs256 } from "./rs256.ts";
import type { Claims } from "./rs256.ts";

const RequestSchema = object({
  payload: pipe(string(), maxLength(8192)),
  delegates: optional(array(string())),
});

/** The API's own bound on `exp`. */
const MAX_LIFETIME_SECONDS = 12 * 3600;

export interface SignJwtContext {
  readonly accounts: Accounts;
  readonly keys: AccountKeys;
  readonly clock: Clock;
}

export interface SignJwtResponse {
  readonly keyId: string;
  readonly signedJwt: string;
}

/** `caller` is the e-mail behind the access token, `email` the account that is to sign. */
export async function signJwt(
  context: SignJwtContext,
  caller: string,
  email: string,
  body: unknown,
): Promise<SignJwtResponse> {
  const account = context.accounts.find(email);
  if (account === undefined || account.email !== caller || !context.keys.maySign(account)) {
    throw new GoogleError(
      "PERMISSION_DENIED",
      "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).",
    );
  }
  const request = safeParse(RequestSchema, body);
  if (!request.success) {
    throw new GoogleError("INVALID_ARGUMENT", "The request needs a payload of at most 8192 bytes.");
  }
  if ((request.output.delegates ?? []).length > 0) throw notImplemented("signJwt with delegates");
  const key = await context.keys.keyOf(account);
  const claims = parsePayload(request.output.payload, context.clock);
  return { keyId: key.keyId, signedJwt: signRs256(key, claims) };
}

function parsePayload(payload: string, clock: Clock): Claims {
  let claims: unknown;
  try {
    claims = JSON.parse(payload);
  } catch (error) {
    throw new GoogleError("INVALID_ARGUMENT", "The payload is not JSON.", {}, { cause: error });
  }
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) {
    throw new GoogleError("INVALID_ARGUMENT", "The payload is not a JSON object.");
  }
  const { exp } = claims as Claims;
  const latest = Math.floor(clock.now() / 1000) + MAX_LIFETIME_SECONDS;
  if (exp !== undefined && (typeof exp !== "number" || exp > latest)) {
    throw new GoogleError("INVALID_ARGUMENT", "exp must be at most 12 hours in the future.");
  }
  return claims as Claims;
}

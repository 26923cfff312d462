/** The unsigned ID tokens that @firebase/rules-unit-testing makes: whoever holds one is whoever it says. */
import type { VerifyIdToken } from "../edge/caller.ts";
import { isObject } from "../wire-json.ts";

/** Rejects with an Error for anything but a token with `alg: none` and an empty signature. */
export const readUnsignedToken: VerifyIdToken = async (token) => {
  const [header = "", payload = "", signature, ...rest] = token.split(".");
  if (signature !== "" || rest.length > 0 || decode(header)["alg"] !== "none") {
    throw new Error("test mode takes unsigned tokens (alg none) and the word owner, nothing else");
  }
  const claims = decode(payload);
  const uid = claims["user_id"] ?? claims["sub"];
  if (typeof uid !== "string" || uid === "") throw new Error("the token has no user_id and no sub");
  // Those tokens are of 1970: in test mode nobody minds when they end.
  return { uid, token: claims, expiresAtMs: null };
};

function decode(part: string): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
  if (!isObject(value)) throw new Error("the token is malformed");
  return { ...value };
}

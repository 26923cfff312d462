/** Everything that is no ID token of this project, made with real keys. */
import { createHmac, sign, type KeyObject } from "node:crypto";
import { publicPem, type SigningKey } from "../../iam/signing-key.ts";

export interface Forge {
  /** The key whose signatures are believed. */
  readonly key: SigningKey;
  /** Another real RSA key. */
  readonly foreign: SigningKey;
  readonly projectId: string;
  readonly nowSeconds: number;
}

type Part = Readonly<Record<string, unknown>>;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export function signed(head: string, body: string, key: KeyObject): string {
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), key).toString("base64url");
  return `${head}.${body}.${signature}`;
}

export function goodClaims({ projectId, nowSeconds }: Forge): Part {
  return {
    iss: `https://securetoken.google.com/${projectId}`,
    aud: projectId,
    sub: "ada",
    user_id: "ada",
    auth_time: nowSeconds - 10,
    iat: nowSeconds - 10,
    exp: nowSeconds + 3000,
  };
}

/** A right token, with other claims or another header as the case may be; undefined drops a claim. */
export function tokenWith(forge: Forge, claims: Part = {}, header: Part = {}): string {
  const head = encode({ alg: "RS256", kid: forge.key.keyId, typ: "JWT", ...header });
  return signed(head, encode({ ...goodClaims(forge), ...claims }), forge.key.privateKey);
}

export const FORGERIES: Readonly<Record<string, (forge: Forge) => string>> = {
  "alg none without a signature": (forge) =>
    `${encode({ alg: "none", kid: forge.key.keyId })}.${encode(goodClaims(forge))}.`,
  "alg none with the right signature": (forge) => tokenWith(forge, {}, { alg: "none" }),
  "HS256 keyed with the public key": (forge) => hmac(forge, publicPem(forge.key)),
  "HS256 keyed with the public key's DER": (forge) =>
    hmac(forge, forge.key.publicKey.export({ type: "spki", format: "der" })),
  "RS512 by the right key": (forge) => tokenWith(forge, {}, { alg: "RS512" }),
  "a foreign key under the right key id": (forge) =>
    tokenWith({ ...forge, key: { ...forge.foreign, keyId: forge.key.keyId } }),
  "a foreign key under its own key id": (forge) => tokenWith({ ...forge, key: forge.foreign }),
  "no key id": (forge) => tokenWith(forge, {}, { kid: undefined }),
  "a key id that is no string": (forge) => tokenWith(forge, {}, { kid: [forge.key.keyId] }),
  "a key of its own in the header": (forge) =>
    tokenWith(
      { ...forge, key: { ...forge.foreign, keyId: "mine" } },
      {},
      {
        jwk: forge.foreign.publicKey.export({ format: "jwk" }),
      },
    ),
  "an extension it calls critical": (forge) => tokenWith(forge, {}, { crit: ["exp"] }),
  "another issuer": (forge) => tokenWith(forge, { iss: "https://accounts.google.com" }),
  "the issuer of another project": (forge) =>
    tokenWith(forge, { iss: "https://securetoken.google.com/other" }),
  "another audience": (forge) => tokenWith(forge, { aud: "other" }),
  "a list of audiences": (forge) => tokenWith(forge, { aud: [forge.projectId, "other"] }),
  "an end in the past": (forge) => tokenWith(forge, { exp: forge.nowSeconds - 1 }),
  "an end that is text": (forge) => tokenWith(forge, { exp: "2999-01-01" }),
  "an issue time in the future": (forge) => tokenWith(forge, { iat: forge.nowSeconds + 60 }),
  "a sign-in in the future": (forge) => tokenWith(forge, { auth_time: forge.nowSeconds + 60 }),
  "a lifetime of a day": (forge) => tokenWith(forge, { exp: forge.nowSeconds + 86_400 }),
  "an empty subject": (forge) => tokenWith(forge, { sub: "" }),
  "a subject of 129 characters": (forge) => tokenWith(forge, { sub: "u".repeat(129) }),
  "a subject that is no text": (forge) => tokenWith(forge, { sub: { toString: "ada" } }),
  ...Object.fromEntries(
    ["iss", "aud", "sub", "exp", "iat", "auth_time"].map((claim) => [
      `no ${claim}`,
      (forge: Forge) => tokenWith(forge, { [claim]: undefined }),
    ]),
  ),
  "a body changed after it was signed": (forge) => {
    const [head = "", , signature = ""] = tokenWith(forge).split(".");
    return `${head}.${encode({ ...goodClaims(forge), sub: "eve" })}.${signature}`;
  },
  "a signature cut short": (forge) => tokenWith(forge).slice(0, -8),
  "no signature": (forge) => tokenWith(forge).split(".").slice(0, 2).join("."),
  "three dots": (forge) => `${tokenWith(forge)}.x`,
  "claims that are no JSON": (forge) =>
    signed(tokenWith(forge).split(".")[0] ?? "", "bm90IGpzb24", forge.key.privateKey),
  "claims that are a list": (forge) =>
    signed(tokenWith(forge).split(".")[0] ?? "", encode([goodClaims(forge)]), forge.key.privateKey),
  "a header that names two algorithms": (forge) => {
    const text = `{"alg":"RS256","kid":"${forge.key.keyId}","alg":"none"}`;
    const head = Buffer.from(text).toString("base64url");
    return signed(head, encode(goodClaims(forge)), forge.key.privateKey);
  },
  "no JWT at all": () => "owner",
  "more than 16 KB": (forge) => tokenWith(forge, { padding: "x".repeat(17_000) }),
};

function hmac(forge: Forge, secret: string | Buffer): string {
  const body = `${encode({ alg: "HS256", kid: forge.key.keyId })}.${encode(goodClaims(forge))}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

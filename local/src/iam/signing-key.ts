/** An RSA-2048 key pair that is made once and kept (0600), so that tokens outlive a restart. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { readFileIfPresent, writeFileAtomic } from "../files/atomic-file.ts";

export interface SigningKey {
  /** SHA-1 of the public key in hex, as Google's key ids look. */
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Reads the key at `path`, or makes and stores one; without a path it lives in memory only. */
export async function loadSigningKey(path: string | undefined): Promise<SigningKey> {
  const stored = path === undefined ? undefined : readFileIfPresent(path);
  if (stored !== undefined) return signingKey(parsePrivateKey(stored, path ?? ""));
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  if (path !== undefined) {
    writeFileAtomic(path, privateKey.export({ type: "pkcs8", format: "pem" }));
  }
  return signingKey(privateKey);
}

function parsePrivateKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const message = `${path} holds no private key; delete it to have a new one made.`;
    throw new BifrostError("data-corrupt", message, { path }, { cause: error });
  }
}

function signingKey(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: "spki", format: "der" });
  return { keyId: createHash("sha1").update(der).digest("hex"), privateKey, publicKey };
}

/** The key as a JSON Web Key Set entry. */
export function publicJwk(key: SigningKey): Readonly<Record<string, unknown>> {
  return { ...key.publicKey.export({ format: "jwk" }), kid: key.keyId, alg: "RS256", use: "sig" };
}

export function publicPem(key: SigningKey): string {
  return key.publicKey.export({ type: "spki", format: "pem" }).toString();
}

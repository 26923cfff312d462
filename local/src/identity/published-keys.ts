/** Public keys where Google publishes those of Firebase ID tokens, in both of its forms. */
import { publicJwk, publicPem } from "../iam/signing-key.ts";
import type { KeyRing } from "./key-ring.ts";

const SECURE_TOKEN = "securetoken@system.gserviceaccount.com";

/** JSON Web Key Set. */
export const ID_TOKEN_KEYS_PATH = `/service_accounts/v1/jwk/${SECURE_TOKEN}`;
/** PEM by key id. */
const PEM_PATH = `/robot/v1/metadata/x509/${SECURE_TOKEN}`;

export function publishedKeys(ring: KeyRing, path: string): unknown {
  if (path === ID_TOKEN_KEYS_PATH) return { keys: ring.served.map(publicJwk) };
  if (path !== PEM_PATH) return undefined;
  return Object.fromEntries(ring.served.map((key) => [key.keyId, publicPem(key)]));
}

/** Keys that this one machine's platform makes for itself on its first start; readable by its user only. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";

const secretsSchema = v.object({
  githubWebhookSecret: v.string(),
  telemetrySecret: v.string(),
  firebaseApiKey: v.string(),
  registryToken: v.string(),
  kubernetesToken: v.string(),
  /** Path part of the metadata server, for the same reason. */
  metadataKey: v.string(),
  /** API key of the local user. */
  apiKey: v.string(),
  githubPrivateKey: v.string(),
  githubPublicKey: v.string(),
});
type StoredSecrets = v.InferOutput<typeof secretsSchema>;

export interface Secrets extends StoredSecrets {
  /**
   * Makes Firestore's administrator; apps share this machine's loopback and must not know it. Another one at each
   * start: what was found in an old copy of the file opens nothing.
   */
  readonly firestoreOwnerToken: string;
  /** Opens the gateway's control API; another one at each start too. */
  readonly controlToken: string;
}

const SECRET_BYTES = 32;

function secret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

export function loadSecrets(home: string): Secrets {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = path.join(home, "secrets.json");
  const kept = existsSync(file) ? parseSecrets(file) : newSecrets();
  const secrets = { ...kept, firestoreOwnerToken: secret(), controlToken: secret() };
  writePrivate(file, secrets);
  return secrets;
}

function newSecrets(): StoredSecrets {
  const pair = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return {
    githubWebhookSecret: secret(),
    telemetrySecret: secret(),
    firebaseApiKey: secret(),
    registryToken: secret(),
    kubernetesToken: secret(),
    metadataKey: secret(),
    apiKey: `bfk_${secret()}`,
    githubPrivateKey: pair.privateKey,
    githubPublicKey: pair.publicKey,
  };
}

function parseSecrets(file: string): StoredSecrets {
  try {
    return v.parse(secretsSchema, JSON.parse(readFileSync(file, "utf8")));
  } catch {
    throw new BifrostError("data-corrupt", `${file} is damaged; \`npm run clean\` starts afresh`, {
      file,
    });
  }
}

/** Whole or not at all, and never readable by others. */
export function writePrivate(file: string, content: object): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function writePrivateText(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

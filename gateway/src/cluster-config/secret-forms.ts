/** Forms of the cluster's secrets in the environment. Their messages never show what was found. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { textForm } from "@bifrost/shared/domain/platform-variables";
import * as v from "valibot";
import type { ClusterSecrets } from "./cluster-config.ts";

type GossipKeys = ClusterSecrets["gossipKeys"];

const KEY = /^(\d{1,3}):([A-Za-z0-9+/]{43}=)$/;

/** `1:base64,2:base64`: ids from 0 to 255, each with 32 bytes; the first one seals. */
export const gossipKeysForm: v.GenericSchema<string, GossipKeys> = v.pipe(
  textForm,
  v.transform((text) => text.split(",").map((part) => KEY.exec(part.trim()))),
  v.check(
    (parts) => parts.every((part) => part !== null && Number(part[1]) <= 255),
    "must be keys such as 1:<base64 of 32 bytes>, separated by commas, with ids from 0 to 255; `openssl rand -base64 32` makes one",
  ),
  v.transform((parts) =>
    parts.map((part) => ({ id: Number(part?.[1]), key: Buffer.from(part?.[2] ?? "", "base64") })),
  ),
  v.check(
    (keys) => new Set(keys.map(({ id }) => id)).size === keys.length,
    "must not have one id twice",
  ),
);

/** PEM of an Ed25519 key; `\n` may stand for line breaks, which many environments cannot hold. */
function ed25519Form(
  parse: (pem: string) => KeyObject,
  message: string,
): v.GenericSchema<string, string> {
  return v.pipe(
    textForm,
    v.transform((text) => text.replaceAll(String.raw`\n`, "\n")),
    v.check((text) => isEd25519(parse, text), message),
  );
}

export const signingKeyForm = ed25519Form(
  createPrivateKey,
  "must be an Ed25519 private key in PEM; `openssl genpkey -algorithm ed25519` makes one",
);

export const publicKeyForm = ed25519Form(
  createPublicKey,
  "must be an Ed25519 public key in PEM; `openssl pkey -pubout` makes one from the private key",
);

function isEd25519(parse: (pem: string) => KeyObject, text: string): boolean {
  try {
    return parse(text).asymmetricKeyType === "ed25519";
  } catch {
    return false;
  }
}

/**
 * The key by which configuration of other nodes is believed: the public half of the one that signs, where none is named.
 * Undefined = the two do not belong together, so no node would believe another.
 */
export function trustedKey(
  signing: string | null,
  named: string | null,
): string | null | undefined {
  if (signing === null) return named;
  const own = publicPem(createPublicKey(createPrivateKey(signing)));
  return named === null || publicPem(createPublicKey(named)) === own ? own : undefined;
}

function publicPem(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}

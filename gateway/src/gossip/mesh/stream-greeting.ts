/**
 * How a stream begins. The one who calls sends a greeting (version, key number, label, 16 random bytes), the other one
 * answers with 16 random bytes or with a refusal. Both derive a key for each direction from the two, so that nothing of
 * an earlier stream opens in this one; then each proves with its first record that it holds the key.
 *
 *     greeting   version 1 | key number 1 | label 4 | random 16
 *     answer     version 1 | status 1 | random 16
 */
import { createHash, randomBytes, type KeyObject } from "node:crypto";
import type { Keyring } from "../keyring.ts";
import type { Refusal } from "../transport-count.ts";
import { plainRecords, sealedRecords, type RecordSeal } from "./record-seal.ts";

const PLAIN = 0xb0;
const SEALED = 0xb1;
const RANDOM_BYTES = 16;
const LABEL_BYTES = 4;
export const GREETING_BYTES = 2 + LABEL_BYTES + RANDOM_BYTES;
export const ANSWER_BYTES = 2 + RANDOM_BYTES;

/** By their byte on the wire, less one. */
const STATUSES = ["other-cluster", "unknown-key", "not-sealed", "malformed"] as const;
type Status = (typeof STATUSES)[number];

/** What a label looks like where a byte counts. It tells strangers apart; it is no secret and proves nothing. */
export function labelTag(label: string): Buffer {
  return createHash("sha256").update(label).digest().subarray(0, LABEL_BYTES);
}

export interface StreamSecurity {
  readonly label: string;
  /** null = nothing is sealed. */
  readonly keyring: Keyring | null;
}

/** What an answered greeting comes to. */
export interface Greeted {
  readonly records: RecordSeal;
  /** null = not sealed. */
  readonly keyId: number | null;
}

export interface Greeting {
  readonly bytes: Buffer;
  /** What the answer makes of it, or why not. */
  finish(answer: Buffer): Greeted | Refusal;
}

export function greet({ label, keyring }: StreamSecurity, keyId = keyring?.primary ?? 0): Greeting {
  const random = randomBytes(RANDOM_BYTES);
  const version = keyring === null ? PLAIN : SEALED;
  return {
    bytes: Buffer.concat([Buffer.of(version, keyId), labelTag(label), random]),
    finish(answer) {
      const status = answer.readUInt8(1);
      if (status > 0) return STATUSES[status - 1] ?? "malformed";
      if (answer.readUInt8(0) !== version) return "malformed";
      if (keyring === null) return { records: plainRecords(), keyId: null };
      const keys = deriveKeys(keyring, keyId, Buffer.concat([random, answer.subarray(2)]), label);
      if (keys === null) return "unknown-key";
      return { records: sealedRecords(keys.calling, keys.answering), keyId };
    },
  };
}

export interface Reception {
  /** For the one who called; a refusal is an answer too. */
  readonly answer: Buffer;
  readonly greeted: Greeted | Refusal;
}

export function receive(greeting: Buffer, security: StreamSecurity): Reception {
  const { label, keyring } = security;
  const random = randomBytes(RANDOM_BYTES);
  const version = keyring === null ? PLAIN : SEALED;
  const problem = problemOf(greeting, security);
  if (problem !== null) return refuse(problem, random);
  const answer = Buffer.concat([Buffer.of(version, 0), random]);
  if (keyring === null) return { answer, greeted: { records: plainRecords(), keyId: null } };
  const keyId = greeting.readUInt8(1);
  const salt = Buffer.concat([greeting.subarray(2 + LABEL_BYTES), random]);
  const keys = deriveKeys(keyring, keyId, salt, label);
  if (keys === null) return refuse("unknown-key", random);
  return { answer, greeted: { records: sealedRecords(keys.answering, keys.calling), keyId } };
}

function problemOf(greeting: Buffer, { label, keyring }: StreamSecurity): Status | null {
  const version = greeting.readUInt8(0);
  if (version !== PLAIN && version !== SEALED) return "malformed";
  if (!greeting.subarray(2, 2 + LABEL_BYTES).equals(labelTag(label))) return "other-cluster";
  if ((version === PLAIN) !== (keyring === null)) return "not-sealed";
  return null;
}

function refuse(status: Status, random: Buffer): Reception {
  const answer = Buffer.concat([Buffer.of(SEALED, STATUSES.indexOf(status) + 1), random]);
  return { answer, greeted: status };
}

function deriveKeys(
  keyring: Keyring,
  keyId: number,
  salt: Buffer,
  label: string,
): { readonly calling: KeyObject; readonly answering: KeyObject } | null {
  const calling = keyring.derive(keyId, salt, `bifrost stream calling ${label}`);
  const answering = keyring.derive(keyId, salt, `bifrost stream answering ${label}`);
  return calling === null || answering === null ? null : { calling, answering };
}

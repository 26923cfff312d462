/** Seals the records of one stream, in their order: a record that is left out, repeated or moved does not open. */
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";

export const TAG_BYTES = 16;
const NONCE_BYTES = 12;

export interface RecordSeal {
  /** How much longer a sealed record is. */
  readonly overhead: number;
  seal(record: Buffer): Buffer;
  /** null = not what the other end sealed next. */
  open(record: Buffer): Buffer | null;
}

export function plainRecords(): RecordSeal {
  return { overhead: 0, seal: (record) => record, open: (record) => record };
}

export function sealedRecords(sealing: KeyObject, opening: KeyObject): RecordSeal {
  const sent = Buffer.alloc(NONCE_BYTES);
  const received = Buffer.alloc(NONCE_BYTES);
  return {
    overhead: TAG_BYTES,
    seal(record) {
      const cipher = createCipheriv("aes-256-gcm", sealing, sent);
      count(sent);
      return Buffer.concat([cipher.update(record), cipher.final(), cipher.getAuthTag()]);
    },
    open(record) {
      if (record.length < TAG_BYTES) return null;
      const decipher = createDecipheriv("aes-256-gcm", opening, received);
      decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
      const text = decipher.update(record.subarray(0, record.length - TAG_BYTES));
      try {
        decipher.final();
      } catch {
        return null;
      }
      count(received);
      return text;
    },
  };
}

/** The last six bytes: more records than a stream can carry in centuries. */
function count(nonce: Buffer): void {
  nonce.writeUIntBE(nonce.readUIntBE(NONCE_BYTES - 6, 6) + 1, NONCE_BYTES - 6, 6);
}

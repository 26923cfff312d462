/** The two checksums Cloud Storage gives for an object, computed from its file in pieces. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

export interface Checksums {
  readonly size: number;
  /** Base64, as the API gives them. */
  readonly crc32c: string;
  readonly md5Hash: string;
}

/** Castagnoli's polynomial, reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  }
  return value;
});

/** Continues a CRC32C; starts from 0. */
export function crc32c(data: Uint8Array, previous = 0): number {
  let value = ~previous;
  for (const byte of data) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}

export async function checksumsOf(path: string): Promise<Checksums> {
  const md5 = createHash("md5");
  let crc = 0;
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer;
    crc = crc32c(bytes, crc);
    md5.update(bytes);
    size += bytes.length;
  }
  const word = Buffer.alloc(4);
  word.writeUInt32BE(crc);
  return { size, crc32c: word.toString("base64"), md5Hash: md5.digest("base64") };
}

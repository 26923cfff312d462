/** What every file of the journal is made of: a CRC-32 in hexadecimal, a space, JSON, a newline. */
import { closeSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";

const CRC_CHARS = 8;
const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

export function seal(json: string): string {
  return `${checksum(Buffer.from(json))} ${json}\n`;
}

/** The JSON of a line without its newline; null when the checksum does not fit. */
export function unseal(line: Buffer): string | null {
  const json = line.subarray(CRC_CHARS + 1);
  const isWhole = line.subarray(0, CRC_CHARS + 1).toString("latin1") === `${checksum(json)} `;
  return isWhole ? json.toString() : null;
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(CRC_CHARS, "0");
}

export interface Line {
  /** Without the newline. */
  readonly bytes: Buffer;
  /** False for what follows the last newline. */
  readonly complete: boolean;
  readonly start: number;
  readonly end: number;
}

/** The lines of the first `endBytes` of a file, read in large pieces. */
export function* linesOf(path: string, endBytes: number): Generator<Line> {
  const file = openSync(path, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    let restStart = 0;
    let position = 0;
    while (position < endBytes) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, endBytes - position));
      const read = readSync(file, chunk, 0, chunk.length, position);
      if (read === 0) break;
      position += read;
      rest = Buffer.concat([rest, chunk.subarray(0, read)]);
      let at = 0;
      for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE, at)) {
        const bytes = rest.subarray(at, end);
        yield { bytes, complete: true, start: restStart + at, end: restStart + end + 1 };
        at = end + 1;
      }
      rest = rest.subarray(at);
      restStart += at;
    }
    if (rest.length > 0) yield { bytes: rest, complete: false, start: restStart, end: position };
  } finally {
    closeSync(file);
  }
}

/** Git's packet lines: four hex digits of length, then the payload; `0000` ends a section. */
export const FLUSH = Buffer.from("0000");
const PROGRESS_BAND = 2;
const MAX_PAYLOAD = 65_515;

export function pktLine(payload: Buffer | string): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, "0")), bytes]);
}

/** A line the client shows as `remote: …`. */
export function remoteLine(text: string): Buffer {
  const bytes = Buffer.from(`${text.replaceAll(/\p{Cc}/gu, " ")}\n`).subarray(0, MAX_PAYLOAD);
  return pktLine(Buffer.concat([Buffer.from([PROGRESS_BAND]), bytes]));
}

/** Adds lines for people before the final flush; output without side-bands is returned as it is. */
export function withRemoteLines(output: Buffer, lines: readonly string[]): Buffer {
  const band = output[4] ?? 0;
  const hasBands = band >= 1 && band <= 3 && output.subarray(-4).equals(FLUSH);
  if (!hasBands || lines.length === 0) return output;
  return Buffer.concat([output.subarray(0, -4), ...lines.map(remoteLine), FLUSH]);
}

/** The Date of answers that come from here (RFC 9110, 6.6.1): written out once for each second. */

const SECOND_MS = 1000;

let second = Number.NaN;
let line = "";

/** `now`: milliseconds since the epoch. A header line, with its CRLF. */
export function dateLine(now: number): string {
  const current = Math.floor(now / SECOND_MS);
  if (current !== second) {
    second = current;
    line = `date: ${new Date(current * SECOND_MS).toUTCString()}\r\n`;
  }
  return line;
}

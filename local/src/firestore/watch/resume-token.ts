/** Where a listener stands: up to which commit of which store it has been told everything. */

/** Opaque to the clients: base64 of `identity:sequence`. */
export function formatResumeToken(identity: string, sequence: number): string {
  return Buffer.from(`${identity}:${sequence}`).toString("base64");
}

/** The commit up to which the listener knows everything; null for a token of another store or of none. */
export function parseResumeToken(token: string, identity: string): number | null {
  const text = Buffer.from(token, "base64").toString();
  const colon = text.lastIndexOf(":");
  const sequence = text.slice(colon + 1);
  if (text.slice(0, colon) !== identity || !/^\d{1,15}$/.test(sequence)) return null;
  return Number(sequence);
}

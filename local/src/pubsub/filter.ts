/** The part of Pub/Sub's filter language that is implemented: `attributes.x = "y"`, joined by AND. */

export type MessageFilter = (attributes: Readonly<Record<string, string>>) => boolean;

const TERM = /^attributes\.(?:"([^"]+)"|([A-Za-z_][A-Za-z0-9_-]*))\s*(=|!=)\s*"([^"\\]*)"$/;

/** Undefined when the text uses anything else. The empty filter lets everything through. */
export function parseFilter(text: string): MessageFilter | undefined {
  if (text.trim() === "") return () => true;
  const terms: MessageFilter[] = [];
  for (const part of text.trim().split(/\s+AND\s+/)) {
    const match = TERM.exec(part);
    if (match === null) return undefined;
    const name = match[1] ?? match[2] ?? "";
    const wanted = match[3] === "=";
    terms.push((attributes) => (attributes[name] === match[4]) === wanted);
  }
  return (attributes) => terms.every((term) => term(attributes));
}

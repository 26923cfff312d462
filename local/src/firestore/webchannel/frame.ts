/** How arrays travel: their length, a newline, and JSON in ASCII alone, so that bytes and characters agree. */

/** JSON in which everything beyond ASCII is escaped. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\u007f-\uffff]/g, escaped);
}

export function framed(json: string): string {
  return `${json.length}\n${json}`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

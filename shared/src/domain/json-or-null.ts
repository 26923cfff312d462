/** For text of strangers that a schema judges next: what is no JSON is null there. */
export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

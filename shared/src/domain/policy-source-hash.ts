/** What names the source of a policy: a hash over it and its tests, from which the objects have their names. */

/** `sha256` answers hexadecimal. */
export function policyHash(
  sha256: (text: string) => string,
  source: string,
  test: string | null,
): string {
  return sha256(JSON.stringify([source, test]));
}

export function policyObjects(
  name: string,
  hash: string,
  hasTest: boolean,
): { readonly object: string; readonly testObject: string | null } {
  const stem = `policies/${name}/${hash}`;
  return { object: `${stem}.lua`, testObject: hasTest ? `${stem}_test.lua` : null };
}

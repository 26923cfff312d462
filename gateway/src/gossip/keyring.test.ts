import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Keyring } from "./keyring.ts";

const keyOf = (byte: number) => new Uint8Array(32).fill(byte);

test("the first key seals; another one after it was installed and is used", () => {
  const keyring = new Keyring([
    { id: 1, key: keyOf(1) },
    { id: 2, key: keyOf(2) },
  ]);
  expect(keyring.primary).toBe(1);
  keyring.install({ id: 3, key: keyOf(3) });
  expect(keyring.primary).toBe(1);
  keyring.use(3);
  expect([keyring.primary, keyring.ids]).toEqual([3, [1, 2, 3]]);
});

test.each<[string, RegExp, (keyring: Keyring) => void]>([
  ["using a key that is not there", /no gossip key 9.*has 1.*install/, (ring) => ring.use(9)],
  ["removing the key that seals", /1 is the one that seals/, (ring) => ring.remove(1)],
  [
    "another key under a number in use",
    /1 is another key/,
    (ring) => ring.install({ id: 1, key: keyOf(9) }),
  ],
  [
    "a short key",
    /32 bytes; found number 2 and 16 bytes/,
    (ring) => ring.install({ id: 2, key: keyOf(1).subarray(16) }),
  ],
  ["a number over 255", /from 0 to 255/, (ring) => ring.install({ id: 256, key: keyOf(1) })],
])("%s is refused", (_, message, act) => {
  const keyring = new Keyring([{ id: 1, key: keyOf(1) }]);
  expect(() => act(keyring)).toThrow(message);
  expect([keyring.primary, keyring.ids]).toEqual([1, [1]]);
});

test("a keyring without keys is refused", () => {
  expect(() => new Keyring([])).toThrow(/at least one key/);
});

test("installing the same key again changes nothing", () => {
  const keyring = new Keyring([{ id: 1, key: keyOf(1) }]);
  keyring.install({ id: 1, key: keyOf(1) });
  expect(keyring.ids).toEqual([1]);
});

test("fingerprints tell keys apart; neither they nor a printed keyring show a key", () => {
  const a = new Keyring([{ id: 1, key: keyOf(0x61) }]);
  const b = new Keyring([{ id: 1, key: keyOf(0x62) }]);
  expect(a.fingerprint(1)).not.toBe(b.fingerprint(1));
  expect(a.fingerprint(1)).toBe(new Keyring([{ id: 1, key: keyOf(0x61) }]).fingerprint(1));
  expect(a.fingerprint(2)).toBe(null);
  const shown = `${inspect(a, { depth: 9, showHidden: true })} ${JSON.stringify(a)} ${a.fingerprint(1)}`;
  expect(shown).not.toMatch(/6161|aaaa|YWFh|97, ?97/);
});

import { expect, test } from "vitest";
import { Names } from "./names.ts";

/** A resolver that answers when told. */
function rig() {
  const clock = { now: 0 };
  const asked: { readonly host: string; readonly answer: (ip: string | null) => void }[] = [];
  const names = new Names(
    () => clock.now,
    (host, done) => {
      const failed = new Error("no such name");
      const answer = (ip: string | null) => done(ip === null ? failed : null, ip ?? "");
      asked.push({ host, answer });
    },
  );
  const got: (string | null)[] = [];
  const resolve = (host: string) => names.resolve(host, (ip) => void got.push(ip));
  return { clock, asked, got, resolve };
}

test("an address is its own name, and nobody is asked", () => {
  const { asked, got, resolve } = rig();
  resolve("10.0.0.1");
  resolve("fe80::1");
  expect(got).toEqual(["10.0.0.1", "fe80::1"]);
  expect(asked).toEqual([]);
});

test("a burst of packets to one name asks for it once, and a bounded number of them waits", () => {
  const { asked, got, resolve } = rig();
  for (let at = 0; at < 1000; at++) resolve("gateway-1");
  expect(asked).toHaveLength(1);
  expect(got).toEqual(Array.from({ length: 936 }, () => null));
  asked[0]?.answer("10.0.0.1");
  expect(got.slice(936)).toEqual(Array.from({ length: 64 }, () => "10.0.0.1"));
});

test("what was known serves while the name is asked for anew, and when that fails", () => {
  const { clock, asked, got, resolve } = rig();
  resolve("gateway-1");
  asked[0]?.answer("10.0.0.1");
  clock.now = 40_000;
  resolve("gateway-1");
  asked[1]?.answer(null);
  resolve("gateway-1");
  asked[2]?.answer("10.0.0.2");
  resolve("gateway-1");
  expect(got).toEqual(["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"]);
  expect(asked).toHaveLength(3);
});

test("a name that nobody knows loses its packet, and is asked for again with the next one", () => {
  const { asked, got, resolve } = rig();
  resolve("gateway-9");
  asked[0]?.answer(null);
  resolve("gateway-9");
  asked[1]?.answer("10.0.0.9");
  expect(got).toEqual([null, "10.0.0.9"]);
});

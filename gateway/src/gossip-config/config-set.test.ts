import { configVersion } from "@bifrost/shared/domain/config-version";
import { array, assert, nat, property, record, shuffledSubarray } from "fast-check";
import { expect, test } from "vitest";
import { ConfigSet } from "./config-set.ts";
import { decodeEntries, encodeEntries } from "./signed-entry.ts";

const entry = record({ id: nat(40), ms: nat(5), text: nat(2) }).map(({ id, ms, text }) => ({
  kind: "routes",
  id: `d${id}`,
  version: configVersion(ms),
  json: text === 0 ? null : `{"n":${text}}`,
  // One text has one signature.
  signature: `${id}-${ms}-${text}`,
}));

const withOrders = array(entry, { maxLength: 60 }).chain((entries) =>
  record({
    one: shuffledSubarray(entries, { minLength: entries.length }),
    other: shuffledSubarray(entries, { minLength: entries.length }),
    again: shuffledSubarray(entries),
  }),
);

test("merging is one thing in whatever order and however often entries come", () => {
  assert(
    property(withOrders, ({ one, other, again }) => {
      const [left, right] = [new ConfigSet(), new ConfigSet()];
      for (const each of one) left.merge(each);
      for (const each of [...other, ...again]) right.merge(each);
      expect([...right.all()].toSorted(byId)).toEqual([...left.all()].toSorted(byId));
      expect(right.digest()).toEqual(left.digest());
      expect(left.differing(right.bucketDigests())).toEqual([]);
      for (const each of one) expect(left.merge(each)).toBe(false);
    }),
  );
});

test("sets that differ say where, and what is there makes them equal", () => {
  assert(
    property(array(entry), array(entry), (some, others) => {
      const [left, right] = [new ConfigSet(), new ConfigSet()];
      for (const each of some) left.merge(each);
      for (const each of others) right.merge(each);
      const isSame = Buffer.from(left.digest()).equals(right.digest());
      const buckets = left.differing(right.bucketDigests());
      expect(buckets.length === 0).toBe(isSame);
      for (const bucket of buckets) {
        const [theirs, ours] = [right.of(bucket), left.of(bucket)];
        for (const each of decodeEntries(encodeEntries(theirs))) left.merge(each);
        for (const each of ours) right.merge(each);
      }
      expect(right.digest()).toEqual(left.digest());
    }),
  );
});

function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? -1 : 1;
}

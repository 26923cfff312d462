import type {
  ConfigDocument,
  ConfigKind,
  ConfigSnapshot,
} from "@bifrost/shared/domain/config-document";
import { configVersion, NO_VERSION } from "@bifrost/shared/domain/config-version";
import { array, assert, boolean, nat, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import type { OwnDocuments } from "./config-relay.ts";
import { joinSnapshots } from "./join-snapshots.ts";
import { JoinedConfig } from "./joined-config.ts";

function document(id: string, ms: number, value: ConfigDocument["value"] = {}): ConfigDocument {
  return { id, version: configVersion(ms), value };
}

function snapshot(asOf: number, ...documents: readonly ConfigDocument[]): ConfigSnapshot {
  return { documents: new Map(documents.map((one) => [one.id, one])), asOf: configVersion(asOf) };
}

function byId(...documents: readonly ConfigDocument[]): ReadonlyMap<string, ConfigDocument> {
  return new Map(documents.map((one) => [one.id, one]));
}

describe("of a document", () => {
  test.each([
    ["the store's is newer", [document("a", 2)], 9, document("a", 1), 2],
    ["the others' is newer", [document("a", 1)], 9, document("a", 2), 2],
    ["the store does not have it yet", [], 5, document("a", 6), 6],
    ["the store has deleted it since", [], 5, document("a", 4), undefined],
    ["the others have deleted it", [document("a", 1)], 5, document("a", 6, null), 6],
  ] as const)("the newest version counts: %s", (_, own, asOf, gossiped, expected) => {
    const joined = joinSnapshots(snapshot(asOf, ...own), byId(gossiped));
    expect(joined.documents.get("a")?.version).toBe(
      expected === undefined ? undefined : configVersion(expected),
    );
  });
});

test("no version that was told goes back, in whatever order store and others tell", () => {
  const step = record({ id: nat(3), byStore: boolean(), byOthers: boolean() });
  assert(
    property(array(step, { maxLength: 40 }), (steps) => {
      let own = snapshot(0);
      let gossiped = byId();
      const told = new Map<string, string>();
      for (const [at, { id, byStore, byOthers }] of steps.entries()) {
        const changed = document(`d${id}`, at + 1);
        if (byStore)
          own = { ...snapshot(at + 1), documents: new Map(own.documents).set(changed.id, changed) };
        if (byOthers) gossiped = new Map(gossiped).set(changed.id, changed);
        for (const { id: name, version } of joinSnapshots(own, gossiped).documents.values()) {
          expect(version >= (told.get(name) ?? NO_VERSION)).toBe(true);
          told.set(name, version);
        }
      }
    }),
  );
});

function rig() {
  const timers = virtualTimers();
  const stores = new Map<ConfigKind, (snapshot: ConfigSnapshot) => void>();
  const offered: OwnDocuments[] = [];
  const joined = new JoinedConfig({
    own: {
      watch(kind, listener) {
        stores.set(kind, listener);
        return () => void stores.delete(kind);
      },
    },
    kinds: ["routes", "settings"],
    offer: (documents) => void offered.push(documents),
    timers,
  });
  const told: ConfigSnapshot[] = [];
  const settings: ConfigSnapshot[] = [];
  joined.watch("routes", (one) => void told.push(one));
  joined.watch("settings", (one) => void settings.push(one));
  return { timers, stores, offered, joined, told, settings };
}

describe("a gateway", () => {
  test("waits for its store, and serves what others hold when the store does not answer", async () => {
    const { timers, joined, told, stores } = rig();
    joined.take([{ kind: "routes", document: document("a", 1) }]);
    expect(told).toEqual([]);
    await timers.advance(3000);
    expect([...(told.at(-1)?.documents.keys() ?? [])]).toEqual(["a"]);
    stores.get("routes")?.(snapshot(5, document("b", 2)));
    expect([...(told.at(-1)?.documents.keys() ?? [])]).toEqual(["b"]);
  });

  test("that hears of the others late knows that there is nothing of some kinds", async () => {
    const { timers, joined, told, settings } = rig();
    await timers.advance(3000);
    joined.take([{ kind: "routes", document: document("a", 1) }]);
    expect([told.at(-1)?.documents.size, settings.at(-1)?.documents.size]).toEqual([1, 0]);
  });

  test("that nobody told anything goes on waiting", async () => {
    const { timers, told } = rig();
    await timers.advance(10_000);
    expect(told).toEqual([]);
  });

  test("offers everything once, then what changed and what is gone, and everything to a new process", () => {
    const { joined, offered, stores } = rig();
    const tell = stores.get("routes");
    tell?.(snapshot(2, document("a", 1), document("b", 2)));
    tell?.(snapshot(4, document("b", 3)));
    joined.offerAll();
    const shown = offered.map(({ documents, removed, isAll }) => [
      documents.map(({ id }) => id),
      removed,
      isAll,
    ]);
    expect(shown).toEqual([
      [["a", "b"], [], true],
      [["b"], ["a"], false],
      [["b"], [], true],
    ]);
  });

  test("stops listening to its store", () => {
    const { joined, stores } = rig();
    joined.stop();
    expect([...stores]).toEqual([]);
  });
});

import { afterAll, expect, test } from "vitest";
import type { Store } from "../store/store.ts";
import { temporaryDirectory } from "../testing/firestore-fixture.ts";
import {
  commitNumber,
  everyCommit,
  itemsAfter,
  itemsOf,
  openStore,
  replayed,
} from "./testing/little-store.ts";
import { PowerCut, type Leftover } from "./testing/power-cut.ts";

const COMMITS = 16;

const directories: { remove: () => void }[] = [];
afterAll(() => directories.forEach((one) => one.remove()));

interface Outcome {
  readonly path: string;
  readonly acknowledged: number;
  readonly compactions: number;
  readonly device: PowerCut;
}

/** Commits one after another until the power fails or all are done. */
async function runUntilCut(cutAt: number, leftover: Leftover, lag: number): Promise<Outcome> {
  const directory = temporaryDirectory();
  directories.push(directory);
  const device = new PowerCut(cutAt, leftover);
  const store = openStore(directory.path, { device });
  store.retain(() => Math.max(0, store.lastSequence - lag));
  for (let n = 1; n <= COMMITS && !device.isDown; n += 1) {
    // Rejected by the cut only, which ends the loop.
    await commitNumber(store, n).catch(() => undefined);
  }
  const compactions = Number(store.journalFacts()["compactions"]);
  const acknowledged = store.lastSequence;
  await store.close();
  return { path: directory.path, acknowledged, compactions, device };
}

/** What a store holds, and what a reader at `after` is shown of its log. */
const contents = (store: Store, after: number) => ({
  last: store.lastSequence,
  items: itemsOf(store),
  replayed: replayed(store, after),
});
const expected = (last: number, after: number) => ({
  last,
  items: itemsAfter(last),
  replayed: everyCommit(after, last),
});

test.each<{ readonly leftover: Leftover; readonly lag: number }>([
  { leftover: "all", lag: 4 },
  { leftover: "half", lag: 4 },
  { leftover: "none", lag: 4 },
  { leftover: "none", lag: 0 },
])(
  "power that fails at any operation takes no acknowledged commit; what was not synced: $leftover; reader behind by $lag",
  async ({ leftover, lag }) => {
    const whole = await runUntilCut(Infinity, leftover, lag);
    expect(whole.compactions).toBeGreaterThanOrEqual(2);
    for (let cutAt = 0; cutAt < whole.device.operations; cutAt += 1) {
      const { path, acknowledged } = await runUntilCut(cutAt, leftover, lag);
      const store = openStore(path);
      // The commit in flight may have made it; it is there wholly or not at all.
      const last = Math.max(acknowledged, Math.min(store.lastSequence, acknowledged + 1));
      const after = Math.max(0, acknowledged - lag);
      expect({ cutAt, ...contents(store, after) }).toEqual({ cutAt, ...expected(last, after) });
      store.retain(() => last);
      for (let n = last + 1; n <= last + 8; n += 1) await commitNumber(store, n);
      await store.close();
      const again = openStore(path);
      expect({ cutAt, ...contents(again, last) }).toEqual({ cutAt, ...expected(last + 8, last) });
      await again.close();
    }
  },
);

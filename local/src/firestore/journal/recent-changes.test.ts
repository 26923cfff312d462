import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { RecentChanges } from "./recent-changes.ts";

test("at least the last 10,000 names are kept, in whole commits, and hardly more", () => {
  assert(
    property(array(integer({ min: 1, max: 500 }), { maxLength: 120, size: "max" }), (sizes) => {
      const recent = new RecentChanges();
      for (const [index, size] of sizes.entries()) {
        recent.add({
          sequence: index + 1,
          durable: index,
          commitTime: "2026-01-01T00:00:00.000000Z",
          documents: Array.from({ length: size }, (_, n) => [`${index}/${n}`, null] as const),
        });
      }
      const { commits } = recent;
      const kept = commits.map(({ names }) => names.length);
      const total = kept.reduce((sum, size) => sum + size, 0);
      const written = sizes.reduce((sum, size) => sum + size, 0);
      expect(kept).toEqual(sizes.slice(sizes.length - kept.length));
      expect(total).toBeGreaterThanOrEqual(Math.min(written, 10_000));
      expect(total - (kept[0] ?? 0)).toBeLessThan(10_000);
      expect(commits.map(({ sequence }) => sequence)).toEqual(
        sizes.map((_, index) => index + 1).slice(sizes.length - kept.length),
      );
    }),
    { numRuns: 50 },
  );
});

test("many small commits are forgotten as they go", () => {
  const recent = new RecentChanges();
  for (let sequence = 1; sequence <= 35_000; sequence += 1) {
    const documents = [["items/a", null]] as const;
    recent.add({ sequence, durable: sequence - 1, commitTime: "", documents });
  }
  expect(recent.commits).toHaveLength(10_000);
  expect(recent.commits[0]?.sequence).toBe(25_001);
});

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Life } from "./life.ts";

interface Sample {
  readonly boot: number;
  readonly seq: number;
}

/** Lives of one sidecar one after the other: distinct boots in any order of size, as a wall clock that is set gives them. */
const lives = fc
  .uniqueArray(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 5 })
  .chain((boots) =>
    fc.tuple(
      ...boots.map((boot) =>
        fc.array(fc.nat(8), { maxLength: 12 }).map((seqs) => reports(boot, seqs)),
      ),
    ),
  );

/** What one life sends: at least once, the numbers rising but for repeats of what was sent before. */
function reports(boot: number, jumps: readonly number[]): readonly Sample[] {
  let highest = 1;
  const sent = jumps.map((jump) => {
    if (jump > 3) highest += jump - 3;
    return { boot, seq: jump > 3 ? highest : Math.max(1, highest - jump) };
  });
  return [{ boot, seq: 1 }, ...sent];
}

/** Late repeats of dead lives among the samples of the living one. */
function withLate(
  all: readonly (readonly Sample[])[],
  picks: readonly number[],
): readonly Sample[] {
  return all.flatMap((samples, index) => {
    const before = all.slice(0, index).flat();
    return samples.flatMap((sample, at) => {
      const late = before[(picks[(index + at) % picks.length] ?? 0) % Math.max(1, before.length)];
      // Its first sample announces a life; only what comes after that can be late.
      return late === undefined ? [sample] : [sample, late];
    });
  });
}

describe("the lives of a sidecar", () => {
  test("end with the last one's highest number, whatever the boots' sizes, repeats and late reports", () => {
    fc.assert(
      fc.property(lives, fc.array(fc.nat(100), { minLength: 1, maxLength: 9 }), (all, picks) => {
        const [first, ...rest] = withLate(all, picks);
        if (first === undefined) return;
        const life = new Life(first, 0);
        const accepted = [first, ...rest.filter((sample) => life.judge(sample, 0) === "new")];
        // Each life's numbers rise, and no life comes back once the next has begun.
        const boots = accepted.map(({ boot }) => boot);
        expect(boots).toEqual(
          boots.toSorted((one, other) => indexOf(all, one) - indexOf(all, other)),
        );
        for (const samples of all) {
          const own = accepted
            .filter(({ boot }) => boot === samples[0]?.boot)
            .map(({ seq }) => seq);
          expect(own).toEqual([...new Set(own)].toSorted((one, other) => one - other));
          expect(own.at(-1)).toBe(Math.max(...samples.map(({ seq }) => seq)));
        }
      }),
    );
  });

  test.each<[string, number, number, string]>([
    ["the next number", 10, 6, "new"],
    ["the same number", 10, 5, "repeated"],
    ["a lower number", 10, 4, "repeated"],
    ["an unknown boot, though it is smaller", 3, 1, "new"],
    ["the boot before, though it is larger", 99, 50, "late"],
  ])("%s is told for what it is", (_what, boot, seq, judgement) => {
    const life = new Life({ boot: 99, seq: 7 }, 0);
    life.judge({ boot: 10, seq: 5 }, 0);
    expect(life.judge({ boot, seq }, 0)).toBe(judgement);
  });

  test("one that was taken for dead and counts on while the other is silent is alive", () => {
    const life = new Life({ boot: 2, seq: 4 }, 0);
    // The first report of the life before it was overtaken on its way.
    expect(life.judge({ boot: 1, seq: 1 }, 1000)).toBe("new");
    expect(life.judge({ boot: 2, seq: 5 }, 2000)).toBe("late");
    expect(life.isOver(2)).toBe(true);
    expect(life.judge({ boot: 2, seq: 4 }, 17_000)).toBe("late");
    expect(life.judge({ boot: 2, seq: 6 }, 17_000)).toBe("new");
    expect(life.isOver(2)).toBe(false);
    expect(life.isOver(1)).toBe(true);
  });
});

function indexOf(all: readonly (readonly Sample[])[], boot: number): number {
  return all.findIndex(([first]) => first?.boot === boot);
}

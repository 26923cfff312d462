import { array, assert, boolean, integer, property, record } from "fast-check";
import { expect, test } from "vitest";
import { LeaseLedger } from "./lease-ledger.ts";

const KEY = "12345678";

const step = record({
  ms: integer({ min: 0, max: 500 }),
  holder: integer({ min: 0, max: 3 }),
  want: integer({ min: 0, max: 40 }),
  /** Of what it has: how much it spends, and whether it gives back the rest. */
  spends: integer({ min: 0, max: 40 }),
  givesBack: boolean(),
  part: integer({ min: 1, max: 4 }),
});

test("what was ever spent and is held never exceeds the burst and what time gave, whoever asks when", () => {
  assert(
    property(
      integer({ min: 1, max: 50 }),
      integer({ min: 1, max: 50 }),
      array(step, { maxLength: 60 }),
      (rate, burst, steps) => {
        const ledger = new LeaseLedger();
        const held = [0, 0, 0, 0];
        let [now, spent] = [0, 0];
        ledger.open(KEY, { rate, burst }, 1, now);
        for (const { ms, holder, want, spends, givesBack, part } of steps) {
          now += ms;
          ledger.setPart(part / 4, now);
          const has = held[holder] ?? 0;
          const uses = Math.min(has, spends);
          spent += uses;
          const back = givesBack ? has - uses : 0;
          const have = has - uses - back;
          const { granted } = ledger.ask(
            KEY,
            String(holder),
            { rate, burst, want, have, back },
            now,
          );
          held[holder] = have + granted;
          const all = spent + held.reduce((sum, tokens) => sum + tokens, 0);
          expect(all).toBeLessThanOrEqual(burst + (rate * now) / 1000 + 1e-6);
        }
      },
    ),
    { numRuns: 300 },
  );
});

const ASK = { rate: 10, burst: 20, want: 30, have: 0, back: 0 };

test("an empty bucket says when there is a token; lent tokens take up its room until they are spent", () => {
  const ledger = new LeaseLedger();
  ledger.open(KEY, ASK, 1, 0);
  expect(ledger.ask(KEY, "a", ASK, 0)).toEqual({ granted: 20, waitMs: 100 });
  // It still has all of them: the bucket is as full as it was, and does not fill.
  expect(ledger.ask(KEY, "b", { ...ASK, want: 1 }, 50)).toEqual({ granted: 0, waitMs: 100 });
  expect(ledger.ask(KEY, "a", { ...ASK, want: 0, have: 20 }, 2000).granted).toBe(0);
  expect(ledger.ask(KEY, "b", { ...ASK, want: 1 }, 2050)).toEqual({ granted: 0, waitMs: 100 });
  // Some are spent.
  ledger.ask(KEY, "a", { ...ASK, want: 0, have: 10 }, 2100);
  expect(ledger.ask(KEY, "b", { ...ASK, want: 1 }, 2150)).toEqual({ granted: 0, waitMs: 50 });
  expect(ledger.ask(KEY, "b", { ...ASK, want: 1 }, 2200)).toEqual({ granted: 1, waitMs: 0 });
});

test("what is handed over is handed over once", () => {
  const ledger = new LeaseLedger();
  ledger.open(KEY, ASK, 1, 0);
  ledger.ask(KEY, "a", { ...ASK, want: 5 }, 0);
  expect(ledger.handOver(KEY, 0)).toEqual({ rate: 10, burst: 20, level: 15 });
  expect(ledger.handOver(KEY, 0)).toBe(null);
});

test("a full bucket of which nothing is lent is forgotten, and others are not", () => {
  const ledger = new LeaseLedger();
  ledger.open(KEY, ASK, 1, 0);
  ledger.open("87654321", ASK, 0, 0);
  ledger.ask("87654321", "a", ASK, 0);
  ledger.sweep(1000);
  expect(ledger.size).toBe(2);
  ledger.sweep(60_000);
  expect(ledger.size).toBe(0);
});

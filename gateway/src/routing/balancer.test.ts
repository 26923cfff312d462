import {
  array,
  assert,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  record,
  uniqueArray,
} from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Balancer } from "./balancer.ts";
import type { AttemptResult } from "./outliers.ts";

let now: number;
let drawn: number;
let busy: Record<string, number>;
let balancer: Balancer;

function startAnew(): void {
  now = 0;
  drawn = 0;
  busy = {};
  balancer = new Balancer({
    clock: { now: () => now },
    random: () => drawn,
    busy: (address) => busy[address] ?? 0,
  });
}

beforeEach(startAnew);

function order(addresses = "123"): string {
  return balancer.order("d", addresses.split("")).join("");
}

function report(address: string, ...results: readonly AttemptResult[]): void {
  for (const result of results) balancer.report(address, result);
}

/** Whether `address` is the first choice of none of as many requests as there are addresses. */
function isAside(address: string, addresses = "123"): boolean {
  return !addresses.split("").some(() => order(addresses).startsWith(address));
}

describe("without trouble", () => {
  test("replicas take turns", () => {
    expect([order(), order(), order(), order()]).toEqual(["123", "231", "312", "123"]);
  });

  test("deployments do not share turns", () => {
    expect([order(), balancer.order("other", ["1", "2"]).join("")]).toEqual(["123", "12"]);
  });

  test.each([
    ["the one whose turn it is, at a tie", { 1: 2, 2: 2, 3: 2 }, 0, "123"],
    ["the one drawn, when it is less busy", { 1: 2, 2: 1 }, 0, "213"],
    ["the last one drawn", { 1: 2, 3: 1 }, 0.99, "321"],
    ["not one that was not drawn", { 1: 2, 2: 2 }, 0, "123"],
  ])("first comes %s", (_name, load, draw, expected) => {
    busy = load;
    drawn = draw;
    expect(order()).toBe(expected);
  });
});

describe("replicas that fail", () => {
  test.each<[string, readonly AttemptResult[], boolean]>([
    ["one refused connection", ["refused"], true],
    ["two failures", ["failed", "failed"], false],
    ["three failures", ["failed", "failed", "failed"], true],
    ["four answers of 503", ["unavailable", "unavailable", "unavailable", "unavailable"], false],
    ["five answers of 503", Array.from({ length: 5 }, () => "unavailable" as const), true],
    [
      "failures with an answer between",
      ["failed", "failed", "answered", "failed", "failed"],
      false,
    ],
    [
      "a failure and four answers of 503",
      ["failed", ...Array.from({ length: 4 }, () => "unavailable" as const)],
      true,
    ],
  ])("%s", (_name, results, expected) => {
    report("2", ...results);
    expect(isAside("2")).toBe(expected);
  });

  test("the time aside doubles with each return that fails, up to a minute", () => {
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      report("2", "refused");
      const since = now;
      while (!order().startsWith("2")) now += 500;
      times.push(now - since);
    }
    expect(times).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  test("a return that holds for a minute is forgiven, a shorter one is not", () => {
    report("2", "refused");
    now = 2000;
    order();
    report("2", "answered", "refused");
    now = 2000 + 3999;
    expect(isAside("2")).toBe(true);
    now = 6000;
    order();
    report("2", "answered");
    now = 66_000;
    report("2", "answered", "refused");
    now = 68_000;
    expect(order()).toMatch(/^2/);
  });

  test("one probe is sent to a replica whose time is over, and others follow once it was answered", () => {
    report("2", "refused");
    now = 2000;
    expect(order()).toMatch(/^2/);
    expect(isAside("2")).toBe(true);
    report("2", "answered");
    expect(isAside("2")).toBe(false);
  });

  test("a probe that fails costs the next ejection at once", () => {
    report("2", "failed", "failed", "failed");
    now = 2000;
    expect(order()).toMatch(/^2/);
    report("2", "unavailable");
    now = 2000 + 3999;
    expect(isAside("2")).toBe(true);
    now = 6000;
    expect(order()).toMatch(/^2/);
  });

  test("a probe whose client left gives way to another after ten seconds", () => {
    report("2", "refused");
    now = 2000;
    expect(order()).toMatch(/^2/);
    now = 11_999;
    expect(isAside("2")).toBe(true);
    now = 12_000;
    expect(order()).toMatch(/^2/);
  });

  test("answers to requests from before say nothing, and neither do their failures", () => {
    report("2", "refused");
    now = 1000;
    report("2", "answered", "refused");
    expect(isAside("2")).toBe(true);
    now = 2000;
    expect(order()).toMatch(/^2/);
  });

  test("half of the replicas are aside at most: those that come back soonest are in use again", () => {
    for (const address of ["1", "2", "3"]) {
      report(address, "refused");
      now += 100;
    }
    expect([isAside("1", "1234"), isAside("2", "1234"), isAside("3", "1234")]).toEqual([
      false,
      true,
      true,
    ]);
    expect(order("1234")).toMatch(/23$/);
  });

  test("of two, one may be aside; a lone one is never", () => {
    report("1", "refused");
    expect([order("12"), order("12"), order("1")]).toEqual(["21", "21", "1"]);
  });

  test("what is gone is forgotten", () => {
    report("2", "refused");
    balancer.retain(new Set(["d"]), new Set(["1", "3"]));
    expect(isAside("2")).toBe(false);
  });
});

describe("replicas to avoid", () => {
  test("come after the others, before those set aside, and are not refused when all are", () => {
    balancer.avoid(new Set(["1"]));
    report("2", "refused");
    expect(order()).toBe("312");
    balancer.avoid(new Set(["1", "3"]));
    expect([order(), order()]).toEqual(expect.arrayContaining(["132", "312"]));
    balancer.avoid(new Set(["1", "2", "3"]));
    expect(order()).toMatch(/2$/);
    balancer.avoid(new Set());
    expect(isAside("1")).toBe(false);
  });

  test("are not probed while their sidecar says no", () => {
    report("2", "refused");
    balancer.avoid(new Set(["2"]));
    now = 5000;
    expect(isAside("2")).toBe(true);
    balancer.avoid(new Set());
    expect(order()).toMatch(/^2/);
  });
});

describe("replicas in other regions", () => {
  test("come after those of the own region, each kind in its turns", () => {
    balancer.setDistant(new Set(["2", "4"]));
    expect([order("1234"), order("1234"), order("1234")]).toEqual(["1324", "3142", "1324"]);
  });

  test("come third where there are many in the own region, which may be gone as a whole", () => {
    balancer.setDistant(new Set(["7", "8"]));
    expect(order("12345678")).toBe("12734568");
  });

  test("take the traffic when there is none in the own region", () => {
    balancer.setDistant(new Set(["1", "2", "3"]));
    expect([order(), order()]).toEqual(["123", "231"]);
  });

  test("come before those of the own region that are unhealthy or failed", () => {
    balancer.setDistant(new Set(["3", "4"]));
    balancer.avoid(new Set(["1"]));
    report("2", "refused");
    expect(order("1234")).toMatch(/^(?:34|43)12$/);
  });

  test("are not probed while there is one in the own region", () => {
    balancer.setDistant(new Set(["2"]));
    report("2", "refused");
    now = 5000;
    expect(order()).not.toMatch(/^2/);
    expect(order("2")).toBe("2");
  });
});

const ADDRESSES = ["a", "b", "c", "d", "e", "f"];
const address = constantFrom(...ADDRESSES);
const result = constantFrom<AttemptResult>("answered", "unavailable", "failed", "refused");

test("whatever happened, each address comes exactly once", () => {
  const event = oneof(
    record({ address, result }),
    record({ wait: integer({ min: 1, max: 70_000 }) }),
    record({ avoid: uniqueArray(address) }),
    record({ distant: uniqueArray(address) }),
    record({ ask: uniqueArray(address, { minLength: 1 }) }),
  );
  assert(
    property(array(event, { maxLength: 60 }), nat(99), (events, draw) => {
      startAnew();
      drawn = draw / 100;
      const orders: { readonly asked: readonly string[]; readonly found: readonly string[] }[] = [];
      for (const one of events) {
        if ("wait" in one) now += one.wait;
        else if ("avoid" in one) balancer.avoid(new Set(one.avoid));
        else if ("distant" in one) balancer.setDistant(new Set(one.distant));
        else if ("result" in one) balancer.report(one.address, one.result);
        else orders.push({ asked: one.ask, found: balancer.order("x", one.ask) });
      }
      for (const { asked, found } of orders) expect(found.toSorted()).toEqual(asked.toSorted());
    }),
  );
});

test("whatever was reported, half of the addresses are first in their turn, or all but one", () => {
  const reports = array(record({ address, result }), { maxLength: 60 });
  assert(
    property(reports, integer({ min: 2, max: ADDRESSES.length }), (all, count) => {
      startAnew();
      for (const one of all) balancer.report(one.address, one.result);
      const asked = ADDRESSES.slice(0, count);
      const first = new Set(asked.map(() => balancer.order("x", asked)[0]));
      expect(first.size).toBeGreaterThanOrEqual(count - Math.max(1, Math.floor(count / 2)));
    }),
  );
});

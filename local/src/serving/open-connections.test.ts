import { expect, test } from "vitest";
import { OpenConnections, type Connection } from "./open-connections.ts";

interface Fake extends Connection {
  isOpen: boolean;
}

let nextPort = 1;
function connection(): Fake {
  const fake: Fake = {
    isOpen: true,
    remoteAddress: "127.0.0.1",
    remotePort: nextPort++,
    destroy() {
      fake.isOpen = false;
      return fake as never;
    },
  };
  return fake;
}

function admitted(open: OpenConnections, count: number): Fake[] {
  const all = Array.from({ length: count }, connection);
  for (const one of all) expect(open.admit(one)).toBe(true);
  return all;
}

const alive = (all: readonly Fake[]): boolean[] => all.map(({ isOpen }) => isOpen);

test("the oldest silent connection goes for a newcomer; who has spoken stays", () => {
  const open = new OpenConnections({ maxSilent: 2, maxOpen: 10 });
  const [spoken] = admitted(open, 1);
  if (spoken !== undefined) open.hasSpoken(spoken);
  const silent = admitted(open, 3);
  expect(alive(silent)).toEqual([false, true, true]);
  expect(spoken?.isOpen).toBe(true);
  expect(open.size).toBe(3);
});

test("when all places are taken, the longest idle goes first, then a silent one, and busy ones never", () => {
  const open = new OpenConnections({ maxSilent: 2, maxOpen: 3 });
  const spoken = admitted(open, 2);
  for (const one of spoken) open.hasSpoken(one);
  const end = open.begin(spoken[0] ?? {});
  const silent = admitted(open, 2);
  expect(alive([...spoken, ...silent])).toEqual([true, false, true, true]);
  admitted(open, 1);
  expect(alive([...spoken, ...silent])).toEqual([true, false, false, true]);
  end();
});

test("a newcomer is refused only when everybody is in the middle of something", () => {
  const open = new OpenConnections({ maxSilent: 2, maxOpen: 2 });
  const all = admitted(open, 2);
  const ends = all.map((one) => (open.hasSpoken(one), open.begin(one)));
  expect(open.admit(connection())).toBe(false);
  expect(alive(all)).toEqual([true, true]);
  ends[1]?.();
  ends[1]?.(); // told twice, counted once
  admitted(open, 1);
  expect(alive(all)).toEqual([true, false]);
});

test("a connection with two calls is busy until both are over", () => {
  const open = new OpenConnections({ maxSilent: 1, maxOpen: 1 });
  const [only] = admitted(open, 1);
  if (only !== undefined) open.hasSpoken(only);
  const [first, second] = [open.begin(only ?? {}), open.begin(only ?? {})];
  first();
  expect(open.admit(connection())).toBe(false);
  second();
  expect(open.admit(connection())).toBe(true);
});

test("a call that outlives its connection changes nothing", () => {
  const open = new OpenConnections({ maxSilent: 1, maxOpen: 2 });
  const [gone] = admitted(open, 1);
  if (gone === undefined) return;
  open.hasSpoken(gone);
  const end = open.begin(gone);
  open.forget(gone);
  end();
  expect(open.size).toBe(0);
});

test("two connections from the same port of different addresses are told apart", () => {
  const open = new OpenConnections({ maxSilent: 2, maxOpen: 2 });
  const working = connection();
  const idle: Fake = Object.assign(connection(), {
    remoteAddress: "127.0.0.2",
    remotePort: working.remotePort,
  });
  for (const one of [working, idle]) {
    open.admit(one);
    open.hasSpoken(one);
  }
  open.begin(working);
  admitted(open, 1);
  expect(alive([working])).toEqual([true]);
});

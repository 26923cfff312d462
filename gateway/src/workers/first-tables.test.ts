import { EMPTY_ROUTE_TABLE } from "@bifrost/shared/domain/route";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { hastyTimers } from "@bifrost/shared/testing/hasty-timers";
import { describe, expect, test } from "vitest";
import { watchEarly } from "./first-tables.ts";
import { NO_TABLES } from "./tables.ts";

/** A source that tells when it is told to. */
function source<T>() {
  const listeners = new Set<(table: T) => void>();
  return {
    listeners,
    tell: (table: T) => {
      for (const listener of listeners) listener(table);
    },
    watch(listener: (table: T) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const sources = () => ({
  routes: source<typeof EMPTY_ROUTE_TABLE>(),
  backends: source<BackendTable>(),
});

/** Time does not pass by itself. */
const still = { ...hastyTimers(), sleep: () => new Promise<void>(() => undefined) };

describe("the first tables of a gateway", () => {
  test("are there once both sources have told", async () => {
    const { routes, backends } = sources();
    const { firstTables } = watchEarly({ routes, backends }, still);
    routes.tell(EMPTY_ROUTE_TABLE);
    const turn = new Promise((resolve) => setImmediate(() => resolve("not yet")));
    expect(await Promise.race([firstTables, turn])).toBe("not yet");
    backends.tell(new Map());
    expect(await firstTables).toEqual({
      ...NO_TABLES,
      routes: EMPTY_ROUTE_TABLE,
      backends: new Map(),
    });
  });

  test("are what is known after five seconds, when a source is silent", async () => {
    const { routes, backends } = sources();
    const timers = hastyTimers();
    const start = timers.now();
    const { firstTables } = watchEarly({ routes, backends }, timers);
    routes.tell(EMPTY_ROUTE_TABLE);
    expect(await firstTables).toEqual({ ...NO_TABLES, routes: EMPTY_ROUTE_TABLE });
    expect(timers.now() - start).toBe(5000);
  });

  test("reach the one who watches later, and so does all that follows until it stops", () => {
    const { routes, backends } = sources();
    const early = watchEarly({ routes, backends }, still);
    const first: BackendTable = new Map();
    const second: BackendTable = new Map();
    const third: BackendTable = new Map();
    backends.tell(first);
    backends.tell(second);
    const heard: unknown[] = [];
    const stop = early.backends.watch((table) => heard.push(table));
    backends.tell(third);
    expect(heard).toEqual([second, third]);
    expect(heard[0]).toBe(second);
    stop();
    expect(backends.listeners.size).toBe(0);
  });
});

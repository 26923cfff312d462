import type { PolicyScript } from "@bifrost/shared/domain/policy";
import { reverted } from "@bifrost/shared/domain/policy-changes";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { describe, expect, it } from "vitest";
import { StoredPolicies } from "../testing/stored-policies.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import type { PolicySet } from "../workers/policy-runtime.ts";
import { PolicySupervisor } from "./policy-supervisor.ts";

const CORS: PolicyScript = { name: "standard/cors", kind: "request", version: 0, source: "--" };

function setUp() {
  const timers = virtualTimers();
  const stored = new StoredPolicies(timers);
  const sets: PolicySet[] = [];
  const lines: string[] = [];
  /** Set, they are thrown by whatever reads or writes. */
  const outage: { loading: Error | null; storing: Error | null } = { loading: null, storing: null };
  let loads = 0;
  const start = () =>
    new PolicySupervisor({
      store: {
        read: async (name) => {
          if (outage.storing !== null) throw outage.storing;
          return stored.store.read(name);
        },
        change: (current, next) => stored.store.change(current, next),
      },
      loader: {
        load: async (...of) => {
          loads++;
          if (outage.loading !== null) throw outage.loading;
          return stored.loader.load(...of);
        },
      },
      standard: [CORS],
      timers,
      log: silentLogger,
      onScripts: (set) => sets.push(set),
      tell: ({ text }) => lines.push(text),
    });
  const supervisor = start();
  const hear = async () => {
    supervisor.update(await stored.picture());
    await timers.advance(0);
  };
  /** `limits@2`, or `limits@2 disabled`, of the newest set; standard policies left out. */
  const served = () =>
    (sets.at(-1)?.scripts ?? [])
      .filter(({ name }) => !name.startsWith("standard/"))
      .map(({ name, version }) => {
        const key = `${name}@${version}`;
        return sets.at(-1)?.disabled.has(key) === true ? `${key} disabled` : key;
      });
  const fail = (version: number, script = "limits") =>
    supervisor.onFault({
      kind: "budget",
      script,
      version,
      line: 3,
      message: "ran for too long",
      stack: "in on_request",
    });
  /** Versions 1 to `count` pushed and activated one after the other. */
  const serveUpTo = async (count: number) => {
    for (let version = 1; version <= count; version++) {
      await stored.push("limits", `-- ${version}`);
      await stored.activate("limits", version);
      await timers.advance(1);
    }
    await hear();
  };
  return {
    timers,
    stored,
    sets,
    lines,
    outage,
    supervisor,
    start,
    hear,
    served,
    fail,
    serveUpTo,
    loads: () => loads,
  };
}

describe("the scripts of a gateway", () => {
  it("are those in service and those that come with it, each told once", async () => {
    const { sets, hear, served, serveUpTo } = setUp();
    await serveUpTo(2);
    expect(served()).toEqual(["limits@2"]);
    expect(sets.at(-1)?.scripts.map(({ source }) => source)).toEqual(["--", "-- 2"]);
    const told = sets.length;
    await hear();
    await hear();
    expect(sets).toHaveLength(told);
  });

  it("change with what is stored: activated, reverted, deleted", async () => {
    const { stored, hear, served, serveUpTo } = setUp();
    await serveUpTo(2);
    await stored.activate("limits", 1);
    await hear();
    expect(served()).toEqual(["limits@1"]);
    const found = await stored.store.read("limits");
    if (found === null) throw new Error("not stored");
    await stored.store.delete(found);
    await hear();
    expect(served()).toEqual([]);
  });

  it("let requests pass where a person took the last version out of service", async () => {
    const { stored, sets, hear, served, serveUpTo } = setUp();
    await serveUpTo(1);
    await stored.change("limits", (policy) => reverted(policy, stored.act()));
    await hear();
    expect(served()).toEqual(["limits@0"]);
    expect(sets.at(-1)?.scripts.at(-1)?.source).toBe("");
  });

  it("stay the last good ones while a new one cannot be loaded, and follow once it can", async () => {
    const { timers, stored, outage, hear, served, serveUpTo, loads } = setUp();
    await serveUpTo(1);
    await stored.push("limits", "-- 2");
    await stored.activate("limits", 2);
    outage.loading = new BifrostError("upstream-unavailable", "no answer");
    await hear();
    expect(served()).toEqual(["limits@1"]);
    const before = loads();
    await timers.advance(7500);
    // After 1, 3 and 7 seconds.
    expect(loads() - before).toBe(3);
    outage.loading = null;
    await timers.advance(8000);
    expect(served()).toEqual(["limits@2"]);
  });

  it("stop being asked for when the policy is gone", async () => {
    const { timers, stored, outage, hear, serveUpTo, loads } = setUp();
    outage.loading = new Error("no answer");
    await serveUpTo(1);
    await timers.advance(1500);
    expect(loads()).toBe(2);
    const found = await stored.store.read("limits");
    if (found === null) throw new Error("not stored");
    await stored.store.delete(found);
    await hear();
    await timers.advance(600_000);
    expect(loads()).toBe(2);
  });

  it("are never another source than the one that was pushed", async () => {
    const { stored, hear, served, serveUpTo } = setUp();
    await serveUpTo(1);
    await stored.push("limits", "-- 2");
    const version = await stored.store.readVersion("limits", 2);
    if (version === null) throw new Error("not stored");
    const forged = { ...version.value, object: "policies/limits/forged.lua" };
    await stored.put(forged.object, "-- forged");
    await stored.store.changeVersion("limits", version, forged);
    await stored.activate("limits", 2);
    await hear();
    expect(served()).toEqual(["limits@1"]);
  });

  it("of a policy that was deleted and pushed anew are the new ones, although versions begin anew", async () => {
    const { timers, stored, sets, hear, serveUpTo } = setUp();
    await serveUpTo(1);
    const found = await stored.store.read("limits");
    if (found === null) throw new Error("not stored");
    await stored.store.delete(found);
    await timers.advance(5);
    await stored.push("limits", "-- another life");
    await stored.activate("limits", 1);
    await hear();
    expect(sets.at(-1)?.scripts.at(-1)).toMatchObject({ version: 1, source: "-- another life" });
  });

  it("do not go back because of a picture that is older than what is known", async () => {
    const { supervisor, timers, stored, served, hear, serveUpTo } = setUp();
    await serveUpTo(1);
    const old = await stored.picture();
    await stored.push("limits", "-- 2");
    await timers.advance(5);
    await stored.activate("limits", 2);
    await hear();
    supervisor.update(old);
    await timers.advance(0);
    expect(served()).toEqual(["limits@2"]);
  });
});

describe("a script that fails", () => {
  it("gives way to the former version at once, and everywhere once it is written down", async () => {
    const { timers, stored, lines, served, fail, serveUpTo } = setUp();
    await serveUpTo(2);
    fail(2);
    expect(served()).toEqual(["limits@1"]);
    await timers.advance(0);
    const policy = await stored.policy("limits");
    expect(policy).toMatchObject({
      activeVersion: 1,
      formerVersions: [],
      fault: "limits:3: ran for too long (budget)",
    });
    expect(policy.history.at(-1)).toMatchObject({ what: "reverted", version: 2, by: "gateway" });
    expect(lines).toEqual([
      "version 2 was taken out of service, version 1 serves: limits:3: ran for too long (budget)\nin on_request",
    ]);
    expect(served()).toEqual(["limits@1"]);
  });

  it("is disabled when there is none before it, and stays so after a restart", async () => {
    const { timers, stored, served, fail, start, serveUpTo } = setUp();
    await serveUpTo(1);
    fail(1);
    expect(served()).toEqual(["limits@1 disabled"]);
    await timers.advance(0);
    expect(await stored.policy("limits")).toMatchObject({ activeVersion: null });
    expect(served()).toEqual(["limits@1 disabled"]);
    start().update(await stored.picture());
    await timers.advance(0);
    expect(served()).toEqual(["limits@1 disabled"]);
  });

  it("is written down although the store is away for a while, and its former version may fail meanwhile", async () => {
    const { timers, stored, outage, served, hear, fail, serveUpTo } = setUp();
    await serveUpTo(3);
    outage.storing = new BifrostError("upstream-unavailable", "no answer");
    fail(3);
    await timers.advance(10_000);
    fail(2);
    await timers.advance(10_000);
    await hear();
    expect(served()).toEqual(["limits@1"]);
    expect((await stored.policy("limits")).activeVersion).toBe(3);
    outage.storing = null;
    await timers.advance(60_000);
    await hear();
    const policy = await stored.policy("limits");
    expect(policy).toMatchObject({ activeVersion: 1, formerVersions: [] });
    expect(policy.history.slice(-2).map(({ what, version }) => [what, version])).toEqual([
      ["reverted", 3],
      ["reverted", 2],
    ]);
    expect(served()).toEqual(["limits@1"]);
  });

  it("on several gateways at once is written down once", async () => {
    const { timers, stored, fail, start, serveUpTo } = setUp();
    await serveUpTo(2);
    const other = start();
    other.update(await stored.picture());
    await timers.advance(0);
    fail(2);
    const fault = { kind: "error" as const, line: null, message: "nil", stack: null };
    other.onFault({ script: "limits", version: 2, ...fault });
    await timers.advance(0);
    const { history, activeVersion } = await stored.policy("limits");
    expect(history.filter(({ what }) => what === "reverted")).toHaveLength(1);
    expect(activeVersion).toBe(1);
  });

  it("serves again when a person puts it back", async () => {
    const { timers, stored, served, hear, fail, serveUpTo } = setUp();
    await serveUpTo(2);
    fail(2);
    await timers.advance(5);
    await stored.activate("limits", 2);
    await hear();
    expect(served()).toEqual(["limits@2"]);
    fail(2);
    expect(served()).toEqual(["limits@1"]);
  });

  it("and comes with the gateway stays for the others, unless it costs a process each time", async () => {
    const { supervisor, sets, fail, serveUpTo } = setUp();
    await serveUpTo(1);
    const told = sets.length;
    fail(0, "standard/cors");
    expect(sets).toHaveLength(told);
    const stuck = { kind: "stuck" as const, line: null, message: "did not return", stack: null };
    supervisor.onFault({ script: "standard/cors", version: 0, ...stuck });
    expect([...(sets.at(-1)?.disabled ?? [])]).toEqual(["standard/cors@0"]);
    expect(sets.at(-1)?.scripts.map(({ name }) => name)).toEqual(["standard/cors", "limits"]);
    fail(1);
    expect([...(sets.at(-1)?.disabled ?? [])]).toEqual(["standard/cors@0", "limits@1"]);
  });

  it("that nobody runs any more changes nothing", async () => {
    const { timers, stored, sets, fail, serveUpTo } = setUp();
    await serveUpTo(1);
    const told = sets.length;
    fail(7);
    fail(1, "no-such");
    await timers.advance(0);
    expect(sets).toHaveLength(told);
    expect((await stored.policy("limits")).activeVersion).toBe(1);
  });
});

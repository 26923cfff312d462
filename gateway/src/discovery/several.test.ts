import { expect, test } from "vitest";
import type { Address } from "../gossip/member.ts";
import { keptLog } from "../testing/logged.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { AddressSpace } from "./address-space.ts";
import type { Discovery, DiscoveryHandlers } from "./discovery.ts";
import { type Method, SeveralDiscoveries } from "./several.ts";

const SELF = { nodeId: "a", address: "10.0.0.1:10101" };
const B = "10.0.0.2:10101";
const C = "10.0.0.3:10101";
const STRANGER = "192.168.7.7:10101";

/** Finds what the test says. */
class ToldMethod implements Discovery {
  readonly type = "told";
  fault: string | null = null;
  refreshes = 0;
  isStopped = false;
  #handlers: DiscoveryHandlers | null = null;

  start(_: unknown, handlers: DiscoveryHandlers): Promise<void> {
    this.#handlers = handlers;
    return Promise.resolve();
  }
  finds(...addresses: Address[]): void {
    this.#handlers?.onFound(addresses);
  }
  refresh(): void {
    this.refreshes++;
  }
  problem(): string | null {
    return this.fault;
  }
  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
}

async function started(...spaces: (readonly string[])[]) {
  const timers = virtualTimers();
  const kept = keptLog();
  const told = spaces.map(() => new ToldMethod());
  const methods = told.map((discovery, index): Method => ({
    name: index === 0 ? "dns" : "udp",
    discovery,
    space: new AddressSpace(spaces[index] ?? []),
    dialTimeoutMs: 10_000,
  }));
  const several = new SeveralDiscoveries(methods, { timers, log: kept.log, random: () => 0.5 });
  const found: (readonly Address[])[] = [];
  await several.start(SELF, { onFound: (addresses) => found.push(addresses) });
  const [dns, udp] = told;
  if (dns === undefined || udp === undefined) throw new Error("two methods are needed");
  return { timers, kept, several, found, dns, udp };
}

test("what several methods find counts together, once, and only changes are told", async () => {
  const { several, found, dns, udp, kept } = await started([], []);
  dns.finds(B);
  udp.finds(B);
  udp.finds(C, B);
  dns.finds();
  expect(found).toEqual([[B], [B, C]]);
  expect(kept.events()).toEqual(["discovered 1 nodes", "discovered 2 nodes"]);
  expect(several.status().map(({ type, found: all }) => [type, all])).toEqual([
    ["dns", []],
    ["udp", [C, B]],
  ]);
});

test("an address outside of the method's allowed space is left out, with a warning", async () => {
  const { found, dns, udp, kept } = await started(["10.0.0.0/8", "fd00::/8"], []);
  dns.finds(STRANGER, "node-7.example:10101", "[fd00::5]:10101", B);
  expect(found).toEqual([[B, "[fd00::5]:10101"]]);
  expect(kept.lines.filter(({ event }) => event === "not in allowed address space")).toMatchObject([
    { level: "warn", fields: { address: STRANGER, allowed: ["10.0.0.0/8", "fd00::/8"] } },
    { level: "warn", fields: { address: "node-7.example:10101" } },
  ]);
  udp.finds(STRANGER);
  expect(found.at(-1)).toContain(STRANGER);
});

test("that nobody is found is said after the dial timeout, once for each method that works", async () => {
  const { timers, dns, udp, kept } = await started([], []);
  dns.finds();
  udp.finds();
  udp.fault = "address already in use";
  await timers.advance(9_999);
  expect(kept.events()).toEqual([]);
  await timers.advance(1);
  expect(kept.lines.map(({ event, fields }) => [event, fields["discovery"]])).toEqual([
    ["no new nodes discovered", "dns"],
  ]);
  dns.finds(B);
  dns.finds();
  await timers.advance(10_000);
  expect(kept.events().filter((event) => event === "no new nodes discovered")).toHaveLength(1);
});

test("nodes that were found and do not join are told apart from those that just came", async () => {
  const { timers, several, dns, kept } = await started([], []);
  const byName = "node-7.example:10101";
  dns.finds(B, byName);
  await timers.advance(20_000);
  dns.finds(B, C, byName);
  await timers.advance(10_000);
  several.joined(new Set([SELF.address]));
  const failures = kept.lines.filter(({ event }) => event === "failed to join cluster");
  expect(failures.map(({ fields }) => fields["addresses"])).toEqual([[B]]);
  await timers.advance(60_000);
  several.joined(new Set([B, C]));
  expect(kept.events().filter((event) => event === "failed to join cluster")).toHaveLength(1);
});

test("its problem names each method that has one; that none works is an error of its own", async () => {
  const { several, dns, udp, kept } = await started([], []);
  expect(several.problem()).toBeNull();
  udp.fault = "permission denied";
  expect(several.problem()).toBe("udp: permission denied");
  dns.fault = "dns lookup error";
  await several.start(SELF, { onFound: () => undefined });
  expect(kept.events()).toEqual(["discovery failed"]);
});

test("it asks all of them anew, and stops all of them", async () => {
  const { several, found, dns, udp } = await started([], []);
  several.refresh();
  await several.stop();
  dns.finds(B);
  expect([dns.refreshes, udp.refreshes, dns.isStopped, udp.isStopped]).toEqual([1, 1, true, true]);
  expect(found).toEqual([]);
});

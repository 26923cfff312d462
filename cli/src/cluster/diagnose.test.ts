import type { ClusterDetails, ClusterMember, NodeHealth } from "@bifrost/shared/api/cluster";
import { describe, expect, test } from "vitest";
import { memberNamed, statusOf } from "../testing/control-server.ts";
import { diagnose } from "./diagnose.ts";
import type { FullView, Picture } from "./picture.ts";
import { TROUBLES } from "./troubles.ts";

const AT = Date.parse("2026-01-01T01:00:00.000Z");
const METHODS = ["kubernetes", "consul", "etcd", "dns", "udp", "mdns"];

const LOAD: NodeHealth = {
  cpu: 0.2,
  memoryBytes: 100,
  memoryLimitBytes: 1000,
  eventLoopDelayMs: 2,
  requestsPerSecond: 10,
  errorRate: 0,
  links: [],
};

const three = () => ["node-1", "node-2", "node-3"].map((name) => memberNamed(name, { load: LOAD }));

/** Every method finds the two others. */
const discovery = () =>
  METHODS.map((type) => ({ type, found: ["10.0.0.2:10101", "10.0.0.3:10101"], problem: null }));

function view(
  members: readonly ClusterMember[] = three(),
  more: Partial<ClusterDetails> = {},
): FullView {
  const status = statusOf(members, { discovery: discovery(), ...more });
  return { control: "http://127.0.0.1:9090", status, details: status.details };
}

function picture(more: Partial<Picture> = {}): Picture {
  return { at: AT, views: [view()], silent: [], log: [], ...more };
}

const withMember = (change: Partial<ClusterMember>): Picture => {
  const [first, second, third] = three();
  const members = [first, { ...second, ...change }, third] as ClusterMember[];
  return picture({ views: [view(members)] });
};
const withDetails = (more: Partial<ClusterDetails>) => picture({ views: [view(three(), more)] });
const says = (type: string, problem: string) =>
  withDetails({
    discovery: discovery().map((one) => (one.type === type ? { ...one, problem } : one)),
  });
const finds = (type: string, found: string[]) =>
  withDetails({
    discovery: discovery().map((one) => (one.type === type ? { ...one, found } : one)),
  });
const logs = (line: string) => picture({ log: ["all is well", line, "all is well"] });
const STRANGER = "10.9.9.9:10101";

/** What the nodes say, and what is found in it, for each trouble that is known. */
const CASES: readonly (readonly [name: string, picture: Picture, found: string])[] = [
  [
    "no-answer",
    picture({ silent: [{ control: "http://c", problem: "refused", refusal: null }] }),
    "refused",
  ],
  ["no-gossip", withDetails({ problem: "the port is taken" }), "the port is taken"],
  [
    "one-member",
    picture({ views: [view([memberNamed("node-1")], { discovery: [] })] }),
    "no other",
  ],
  ["one-member", logs("failed to join cluster"), "failed to join cluster"],
  ["split", picture({ views: [view(), view([memberNamed("node-9")])] }), "node-9, which runs"],
  [
    "lost-member",
    withMember({ state: "suspect", evidence: "stalled" }),
    "suspect, by the evidence",
  ],
  ["lost-member", withMember({ state: "dead", evidence: null }), "10.0.0.2:10101 is dead"],
  ["lost-member", logs("node marked as suspect"), "node marked as suspect"],
  ["sick-member", withMember({ health: "sick" }), "node-2 failed"],
  ["sick-member", logs("cluster health: NOT HEALTHY"), "NOT HEALTHY"],
  [
    "flapping",
    withMember({ incarnation: 7, since: "2026-01-01T00:58:00.000Z" }),
    "incarnation 7, alive since",
  ],
  [
    "bad-network",
    withMember({ load: { ...LOAD, links: [{ nodeId: "node-3", roundTripMs: 1, loss: 0.2 }] } }),
    "loses 20 % to node-3",
  ],
  ["bad-network", logs("timeout waiting for response"), "timeout"],
  ["starved", withMember({ load: { ...LOAD, eventLoopDelayMs: 900 } }), "900 ms late"],
  ["memory", withMember({ load: { ...LOAD, memoryBytes: 950 } }), "95 % of its memory"],
  ["broadcast", withDetails({ counters: { "refused:too-large": 3 } }), "refused:too-large: 3"],
  ["broadcast", logs("failed to broadcast"), "failed to broadcast"],
  ["two-of-a-name", withDetails({ counters: { conflicts: 1 } }), "conflicts: 1"],
  ["strangers", withDetails({ counters: { "refused:unknown-key": 20 } }), "unknown-key: 20"],
  ["kubernetes-pods", says("kubernetes", "error listing pods: 404"), "error listing pods"],
  ["kubernetes-config", says("kubernetes", "error getting kubernetes config: no token"), "config"],
  ["kubernetes-config", says("kubernetes", "error listing pods: forbidden"), "forbidden"],
  ["kubernetes-alone", finds("kubernetes", []), "finds no other node"],
  ["kubernetes-unjoined", finds("kubernetes", [STRANGER]), STRANGER],
  ["consul-register", says("consul", "failed to register service with Consul: 403"), "403"],
  ["consul-unjoined", finds("consul", [STRANGER]), STRANGER],
  ["consul-alone", finds("consul", []), "finds no other node"],
  ["consul-critical", says("consul", "service is critical in Consul"), "critical"],
  ["etcd-client", says("etcd", "etcd client error: no endpoint"), "no endpoint"],
  ["etcd-register", says("etcd", "failed to register with etcd: no space"), "no space"],
  ["etcd-flapping", logs("node repeatedly registering and deregistering"), "repeatedly"],
  ["etcd-alone", finds("etcd", []), "finds no other node"],
  ["etcd-unjoined", finds("etcd", [STRANGER]), STRANGER],
  ["dns-lookup", says("dns", "dns lookup error: ENOTFOUND"), "ENOTFOUND"],
  ["dns-alone", finds("dns", []), "finds no other node"],
  ["dns-unjoined", finds("dns", [STRANGER]), STRANGER],
  ["udp-alone", finds("udp", []), "finds no other node"],
  ["address-space", logs("not in allowed address space"), "not in allowed"],
  ["udp-port", says("udp", "address already in use: 9999"), "9999"],
  ["udp-port", says("udp", "permission denied"), "permission denied"],
  ["mdns-alone", finds("mdns", []), "finds no other node"],
  ["mdns-address", logs("skipping invalid host address"), "skipping"],
  ["mdns-flapping", logs("node repeatedly discovered and lost"), "repeatedly"],
  ["discovery", says("dns", "discovery failed: all of it"), "dns: discovery failed"],
];

test("a healthy cluster has no trouble, whatever finds its nodes", () => {
  const checks = diagnose(picture());
  expect(checks.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
  expect(checks).toHaveLength(TROUBLES.length);
});

test("a few packets that could not be opened are ordinary around a restart", () => {
  const checks = diagnose(withDetails({ counters: { "refused:not-opened": 19 } }));
  expect(checks.filter(({ verdict }) => verdict === "trouble")).toEqual([]);
});

test("what is about a method of discovery that nobody uses is said to be unused", () => {
  const checks = diagnose(picture({ views: [view(three(), { discovery: [] })] }));
  const unused = checks.filter(({ verdict }) => verdict === "unused").map(({ name }) => name);
  expect(unused.length).toBeGreaterThan(15);
  expect(unused.every((name) => METHODS.some((method) => name.startsWith(method)))).toBe(true);
});

test.each(CASES)("%s is found", (name, seen, found) => {
  const check = diagnose(seen).find((one) => one.name === name);
  expect(check).toMatchObject({ verdict: "trouble" });
  expect(check?.found.map(({ what }) => what).join("\n")).toContain(found);
});

describe("the troubles", () => {
  test("each has a case above, a name of its own, a cause and something to do", () => {
    const names = TROUBLES.map(({ name }) => name);
    expect([...new Set(names)]).toEqual(names);
    const tried = new Set(CASES.map(([name]) => name));
    expect(names.filter((name) => !tried.has(name))).toEqual([]);
    const bare = TROUBLES.filter(({ cause, remedies }) => cause === "" || remedies.length === 0);
    expect(bare).toEqual([]);
  });

  test("a trouble of one method is no trouble of another", () => {
    const seen = says("etcd", "permission denied");
    expect(diagnose(seen).find(({ name }) => name === "udp-port")).toMatchObject({ verdict: "ok" });
  });
});

import { systemTimers } from "@bifrost/shared/domain/time";
import type { NodeRendezvous } from "@bifrost/shared/ports/node-rendezvous";
import type { PodListener, PodSelection } from "@bifrost/shared/ports/pod-source";
import { expect, test } from "vitest";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import { keptLog } from "../testing/logged.ts";
import { makeDiscoveries } from "./make-discovery.ts";

const COMMON = {
  serviceName: "bifrost-cluster",
  bindPort: 10101,
  dialTimeoutMs: 1000,
  allowedAddressSpace: ["10.0.0.0/8"],
};
const EACH: readonly DiscoveryConfig[] = [
  { ...COMMON, type: "kubernetes", namespace: "prod", labelSelector: "app=bifrost" },
  { ...COMMON, type: "consul", address: "localhost:8500", datacenter: null },
  { ...COMMON, type: "etcd", endpoints: ["http://localhost:2379"] },
  { ...COMMON, type: "dns", names: ["bifrost.local"] },
  { ...COMMON, type: "udp", broadcastPort: 9999 },
  { ...COMMON, type: "mdns", service: "_bifrost._tcp" },
  { ...COMMON, type: "firestore" },
];

function parts() {
  const selections: PodSelection[] = [];
  const made: string[] = [];
  const kept = keptLog();
  const nobody: NodeRendezvous = {
    announce: () => Promise.resolve(1),
    withdraw: () => Promise.resolve(),
    list: () =>
      Promise.resolve([
        { nodeId: "b", serviceName: "bifrost-cluster", address: "10.0.0.2:10101", seenAt: 1 },
        { nodeId: "c", serviceName: "bifrost-cluster", address: "172.16.0.3:10101", seenAt: 1 },
      ]),
  };
  const pods = {
    watch(selection: PodSelection, listener: PodListener) {
      selections.push(selection);
      listener.onPods([{ name: "d", ip: "10.0.0.4" }]);
      return { hurry: () => undefined, stop: () => undefined };
    },
  };
  return {
    kept,
    selections,
    made,
    parts: {
      timers: systemTimers,
      log: kept.log,
      random: () => 0.5,
      secrets: { consulToken: null, etcdCredentials: null },
      pods: () => (made.push("pods"), pods),
      rendezvous: () => (made.push("rendezvous"), nobody),
    },
  };
}

test("each configured method is made, peers first, in the order of the file", async () => {
  const { parts: given } = parts();
  const several = await makeDiscoveries({ peers: ["10.0.0.9:1"], discoveries: EACH }, given);
  expect(several.type).toBe("static+kubernetes+consul+etcd+dns+udp+mdns+firestore");
  await several.stop();
});

test("what no method needs is not made", async () => {
  const { parts: given, made } = parts();
  await makeDiscoveries({ peers: [], discoveries: EACH.slice(3, 4) }, given);
  expect(made).toEqual([]);
});

test("several find together, within the allowed space of each", async () => {
  const { parts: given, selections, kept } = parts();
  const discoveries = EACH.filter(({ type }) => type === "kubernetes" || type === "firestore");
  const several = await makeDiscoveries({ peers: ["192.168.0.1:1"], discoveries }, given);
  const found: (readonly string[])[] = [];
  const self = { nodeId: "a", address: "10.0.0.1:10101" };
  await several.start(self, { onFound: (addresses) => found.push(addresses) });
  await several.stop();
  expect(found.at(-1)).toEqual(["10.0.0.2:10101", "10.0.0.4:10101", "192.168.0.1:1"]);
  expect(selections).toEqual([{ namespace: "prod", labelSelector: "app=bifrost" }]);
  expect(kept.events()).toContain("not in allowed address space");
});

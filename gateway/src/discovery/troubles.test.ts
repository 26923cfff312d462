import { expect, test } from "vitest";
import { TROUBLES, type TroubleName } from "./troubles.ts";

/** What the documentation of each method promises to find in the log, and to look at then. */
const PROMISED: readonly (readonly [TroubleName, string, readonly string[]])[] = [
  ["kubernetes-list", "error listing pods", ["k8s_namespace", "k8s_label_selector"]],
  ["kubernetes-config", "error getting kubernetes config", ["serviceAccountName"]],
  [
    "kubernetes-forbidden",
    "forbidden",
    ["ServiceAccount", "Role", "get, list and watch", "RoleBinding", "RBAC is enabled"],
  ],
  [
    "kubernetes-alone",
    "no new nodes discovered",
    ["labels of the pods exactly", "default", "Running"],
  ],
  [
    "kubernetes-unjoined",
    "failed to join cluster",
    ["10101", "NetworkPolicies", "timeout_seconds", "kubectl get pods"],
  ],
  [
    "consul-register",
    "failed to register service with Consul",
    ["consul_address", "agent's log", "service:write", "8500", "firewall"],
  ],
  [
    "consul-unjoined",
    "failed to join cluster",
    ["service_name matches", "passing", "gossip port", "datacenter", "resolve"],
  ],
  [
    "consul-critical",
    "critical",
    ["10101", "reaches the gossip port", "timeout", "start", "address"],
  ],
  [
    "etcd-client",
    "etcd client error",
    ["etcd_endpoints", "http:// or https://", "healthy", "2379", "firewall", "dial_timeout"],
  ],
  [
    "etcd-register",
    "failed to register with etcd",
    ["accepts writes", "space", "BIFROST_ETCD_PASSWORD", "permission or quota"],
  ],
  [
    "etcd-flapping",
    "registering and deregistering",
    ["network", "overloaded", "latencies", "leader"],
  ],
  [
    "dns-lookup",
    "dns lookup error",
    ["nslookup", "can be reached", "/etc/resolv.conf", "container", "caches"],
  ],
  ["dns-cname", "CNAME", ["A records", "not a CNAME", "dig"]],
  ["dns-alone", "no new nodes discovered", ["several A records (not a CNAME)", "dig"]],
  [
    "dns-unjoined",
    "failed to join cluster",
    ["bind_port", "10101", "firewalls", "listen", "telnet"],
  ],
  [
    "udp-alone",
    "no new nodes discovered",
    [
      "allowed_address_space",
      "firewalls",
      "same subnet",
      "broadcast is enabled",
      "tcpdump -i any -n udp port",
      "bridge or host",
    ],
  ],
  [
    "not-allowed",
    "not in allowed address space",
    ["192.168.1.0/24", "cover all nodes", "ip addr", "not a host address", "ipcalc"],
  ],
  ["udp-permission", "permission denied", ["above 1024", "root", "firewall"]],
  [
    "udp-in-use",
    "address already in use",
    ["netstat -tulpn | grep", "udp_broadcast_port", "different"],
  ],
  [
    "mdns-alone",
    "no new nodes discovered",
    [
      "firewalls",
      "multicast is enabled",
      "segment",
      "5353",
      "avahi-browse -a",
      "dns-sd -B",
      "dial_timeout",
    ],
  ],
  [
    "mdns-invalid-host",
    "skipping invalid host address",
    ["This is normal", "not loopback", "127.0.0.1", "ip addr"],
  ],
  [
    "mdns-flapping",
    "discovered and lost",
    ["eventually consistent", "gossip port", "multicast packets", "production", "packet loss"],
  ],
  ["all-fail", "discovery failed", []],
  ["static-alone", "no new nodes discovered", ["enable discovery", "cluster_config.peers"]],
];

test.each(PROMISED)("%s: the log says %j and what to look at", (name, words, remedies) => {
  const { message, remedy } = TROUBLES[name];
  expect(message).toContain(words);
  expect(remedies.filter((word) => !remedy.includes(word))).toEqual([]);
});

test("each trouble has a cause and a remedy that are sentences", () => {
  const broken = Object.entries(TROUBLES).filter(
    ([, { cause, remedy }]) => !/^[A-Z].*[.]$/.test(remedy) || !/^[A-Za-z'].*[.]$/.test(cause),
  );
  expect(broken).toEqual([]);
});

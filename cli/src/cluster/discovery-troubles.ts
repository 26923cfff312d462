/** What can go wrong with each method of discovery. The phrases are those of the gateways' logs. */
import { findsNobody, foundButNoMember } from "./looks.ts";
import { OPEN_PORT, type Trouble } from "./trouble.ts";

export const DISCOVERY_TROUBLES: readonly Trouble[] = [
  // ---- kubernetes ----
  {
    name: "kubernetes-pods",
    method: "kubernetes",
    symptom: "pods run in isolation, and the log says `error listing pods`",
    phrases: ["error listing pods"],
    cause: "The service account may not list pods, or the namespace or selector is wrong.",
    remedies: [
      "create a Role with get, list and watch on pods, and a RoleBinding to the pods' service account",
      'check `k8s_namespace` ("default" unless set) and that `k8s_label_selector` matches the pods\' labels exactly',
      OPEN_PORT,
    ],
  },
  {
    name: "kubernetes-config",
    method: "kubernetes",
    symptom: "`error getting kubernetes config` or `forbidden`",
    phrases: ["error getting kubernetes config", "forbidden"],
    cause: "The pod has no credentials for the Kubernetes API, or they allow nothing.",
    remedies: [
      "name a ServiceAccount in the pod and let its token be mounted",
      "create a Role with get, list and watch on pods and a RoleBinding that links it to the ServiceAccount",
      "check that RBAC is enabled in the cluster",
    ],
  },
  {
    name: "kubernetes-alone",
    method: "kubernetes",
    symptom: "the selector finds no other pod",
    look: findsNobody("kubernetes"),
    cause: "No other pod of that namespace has these labels, or none is running.",
    remedies: [
      "compare `k8s_label_selector` with `kubectl get pods --show-labels` in `k8s_namespace`",
    ],
  },
  {
    name: "kubernetes-unjoined",
    method: "kubernetes",
    symptom: "pods are discovered and do not join, or become suspect or dead",
    look: foundButNoMember("kubernetes"),
    cause: "Their gossip port does not answer.",
    remedies: [
      OPEN_PORT,
      "increase `timeout_seconds` if the network is slow",
      "see with `kubectl get pods` that they are Running",
    ],
  },

  // ---- consul ----
  {
    name: "consul-register",
    method: "consul",
    symptom: "`failed to register service with Consul`",
    phrases: ["failed to register service with Consul"],
    cause: "The Consul agent is not reached, or refuses.",
    remedies: [
      "check `consul_address` and that port 8500 is open to this node",
      "with ACLs, BIFROST_CONSUL_TOKEN needs write on the service",
      "read the agent's log",
    ],
  },
  {
    name: "consul-unjoined",
    method: "consul",
    symptom: "Consul shows services and the nodes do not join",
    look: foundButNoMember("consul"),
    cause: "What is registered does not answer at its gossip port.",
    remedies: [
      "use the same `service_name` on all nodes, in the same datacenter",
      "see in Consul whether the services' checks pass",
      OPEN_PORT,
      "check that names resolve, if names are registered",
    ],
  },
  {
    name: "consul-alone",
    method: "consul",
    symptom: "Consul knows no other node",
    look: findsNobody("consul"),
    cause: "No other node is registered under this name with checks that pass.",
    remedies: [
      "use the same `service_name` and datacenter on all nodes",
      "see the services' checks in Consul",
    ],
  },
  {
    name: "consul-critical",
    method: "consul",
    symptom: "services show as critical in Consul",
    phrases: ["service is critical in Consul"],
    cause: "Consul's TCP check does not reach the gossip port.",
    remedies: [
      "let the Consul agent reach port 10101 of each node",
      "check that the registered addresses are right: `advertise` sets them",
      "increase the check's timeout in Consul; look for errors of the start in the gateway's log",
    ],
  },

  // ---- etcd ----
  {
    name: "etcd-client",
    method: "etcd",
    symptom: "`etcd client error`",
    phrases: ["etcd client error"],
    cause: "No endpoint of etcd is reached.",
    remedies: [
      "check `etcd_endpoints`: http:// or https://, port 2379 open to this node",
      "check that etcd is healthy: `etcdctl endpoint health`",
      "increase `dial_timeout` if the network is slow",
    ],
  },
  {
    name: "etcd-register",
    method: "etcd",
    symptom: "`failed to register with etcd`",
    phrases: ["failed to register with etcd"],
    cause: "etcd is reached and takes no writes from this node.",
    remedies: [
      "check that etcd accepts writes and has space: `etcdctl alarm list`",
      "with authentication, set BIFROST_ETCD_USERNAME and BIFROST_ETCD_PASSWORD",
      "read etcd's log for permission and quota errors; check that its host names resolve",
    ],
  },
  {
    name: "etcd-flapping",
    method: "etcd",
    symptom: "nodes register and deregister again and again",
    phrases: ["node repeatedly registering and deregistering", "lease lost"],
    cause: "Leases of 30 s run out: keepalives are late.",
    remedies: [
      "check the network between nodes and etcd, and etcd's load and latency",
      "look for elections of a new leader in etcd",
    ],
  },
  {
    name: "etcd-alone",
    method: "etcd",
    symptom: "etcd knows no other node",
    look: findsNobody("etcd"),
    cause: "There is no other key below /services/{service_name}/.",
    remedies: [
      "`etcdctl get --prefix /services/` shows who is registered; use the same `service_name`",
    ],
  },
  {
    name: "etcd-unjoined",
    method: "etcd",
    symptom: "nodes are registered in etcd and do not join",
    look: foundButNoMember("etcd"),
    cause: "What is registered does not answer at its gossip port.",
    remedies: [
      OPEN_PORT,
      "check that each node registers an address the others reach: `advertise` sets it",
    ],
  },

  // ---- dns ----
  {
    name: "dns-lookup",
    method: "dns",
    symptom: "`dns lookup error`, no nodes discovered",
    phrases: ["dns lookup error"],
    cause: "The names in `dns_names` do not resolve on this node.",
    remedies: [
      "try `nslookup NAME` on the node, inside its container if it has one",
      "check /etc/resolv.conf and that its name server is reached; flush caches",
    ],
  },
  {
    name: "dns-alone",
    method: "dns",
    symptom: "names resolve and the cluster has no other member",
    phrases: ["dns name resolves to a CNAME without addresses"],
    look: findsNobody("dns"),
    cause: "DNS returns a CNAME, one address, or only this node's own.",
    remedies: [
      "give the name several A records, one for each node, or SRV records; look with `dig NAME`",
      "set `bind_port` to the gossip port of the nodes",
    ],
  },
  {
    name: "dns-unjoined",
    method: "dns",
    symptom: "addresses are found and gossip fails",
    look: foundButNoMember("dns"),
    cause: "Nobody gossips at those addresses.",
    remedies: [
      OPEN_PORT,
      "check that the addresses are those of the nodes and that they listen there: `bind_address`",
      "try `telnet ADDRESS 10101`",
    ],
  },

  // ---- udp ----
  {
    name: "udp-alone",
    method: "udp",
    symptom: "discovery runs and finds no nodes",
    look: findsNobody("udp"),
    cause: "Broadcasts do not reach the other nodes, or their addresses are not allowed.",
    remedies: [
      "let `allowed_address_space` include the addresses of all nodes",
      "open `udp_broadcast_port`; nodes must be in one subnet with broadcast on",
      "watch with `tcpdump -i any -n udp port 9999`",
      "in Docker use `network_mode: bridge` or `host`: other networks may not carry broadcasts",
    ],
  },
  {
    name: "address-space",
    symptom: "`not in allowed address space`",
    phrases: ["not in allowed address space"],
    cause: "A node was found whose address is in none of the networks of `allowed_address_space`.",
    remedies: [
      "if it is one of yours, add its network; `ip addr` on it shows its address",
      "write networks with their first address: 192.168.1.0/24",
    ],
  },
  {
    name: "udp-port",
    method: "udp",
    symptom: "`permission denied` or `address already in use`",
    phrases: ["permission denied", "address already in use"],
    cause: "The broadcast port is not to be had.",
    remedies: [
      "see who has it: `ss -lunp`; set `udp_broadcast_port` to another one on all nodes",
      "use a port above 1024, or the right to open lower ones",
      "check that no firewall of the machine blocks it",
    ],
  },

  // ---- mdns ----
  {
    name: "mdns-alone",
    method: "mdns",
    symptom: "nodes do not discover each other by multicast DNS",
    look: findsNobody("mdns"),
    cause: "Multicast does not get from node to node.",
    remedies: [
      "nodes must be in one network segment, with multicast on and UDP port 5353 open",
      "try `avahi-browse -a` (Linux) or `dns-sd -B` (macOS)",
      "increase `dial_timeout` if discovery is slow",
    ],
  },
  {
    name: "mdns-address",
    method: "mdns",
    symptom: "`skipping invalid host address`",
    phrases: ["skipping invalid host address"],
    cause:
      "mDNS returned loopback, network or broadcast addresses (127.x.x.x, *.0, *.255), which are passed over: that is normal.",
    remedies: [
      "only if nodes are missing: give them an address that is not loopback and do not bind to 127.0.0.1",
    ],
  },
  {
    name: "mdns-flapping",
    method: "mdns",
    symptom: "nodes are discovered and lost again and again",
    phrases: ["node repeatedly discovered and lost"],
    cause: "Multicast packets are lost.",
    remedies: [
      "give it some time: multicast DNS settles by itself",
      OPEN_PORT,
      "for production use kubernetes, consul or etcd",
    ],
  },
];

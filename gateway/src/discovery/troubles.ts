/**
 * Everything that is known to go wrong with discovery. `message` is the event of the log line, in the words that the
 * documentation names and operators search for; `remedy` says what to look at, the most frequent one first.
 */
export interface Trouble {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly cause: string;
  readonly remedy: string;
}

export type TroubleName = keyof typeof TROUBLES;

export const TROUBLES = {
  // ---- kubernetes ----
  "kubernetes-list": {
    level: "error",
    message: "error listing pods",
    cause: "The Kubernetes API did not answer the list or the watch of pods.",
    remedy:
      "Check that the API server can be reached from this pod, that k8s_namespace names an existing namespace and that k8s_label_selector is well formed, for example app=bifrost,env=prod.",
  },
  "kubernetes-config": {
    level: "error",
    message: "error getting kubernetes config",
    cause:
      "There are no credentials for the Kubernetes API: neither a service account nor a kubeconfig file.",
    remedy:
      "Run in a pod whose spec names a serviceAccountName and mounts its token, or name a kubeconfig file with KUBECONFIG.",
  },
  "kubernetes-forbidden": {
    level: "error",
    message: "error listing pods: forbidden",
    cause: "The service account of this pod may not list and watch pods.",
    remedy:
      "Create a ServiceAccount for the gateway's pods, a Role with the verbs get, list and watch on pods, and a RoleBinding that links the two, all in k8s_namespace; check that RBAC is enabled in the cluster. kubectl auth can-i list pods --as=system:serviceaccount:NAMESPACE:NAME tells whether it holds.",
  },
  "kubernetes-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "The label selector finds no other running pod with an address.",
    remedy:
      "Check that k8s_label_selector matches the labels of the pods exactly, that k8s_namespace is theirs (default when absent) and that kubectl get pods shows them as Running.",
  },
  "kubernetes-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause:
      "Pods were discovered, but their gossip port does not answer: they stay out, or turn suspect or dead.",
    remedy:
      "Check that the gossip port (10101) is open between pods, for TCP and UDP; look for NetworkPolicies that block traffic from pod to pod; increase timeout_seconds if the network is slow; check with kubectl get pods that they are Running.",
  },

  // ---- consul ----
  "consul-register": {
    level: "error",
    message: "failed to register service with Consul",
    cause: "The Consul agent cannot be reached or refused the registration.",
    remedy:
      "Check that consul_address names a running agent and that a firewall lets connections to its port (8500) pass; read the agent's log; with ACLs the token in BIFROST_CONSUL_TOKEN needs service:write.",
  },
  "consul-query": {
    level: "error",
    message: "discovery failed",
    cause: "Consul did not tell which nodes are registered.",
    remedy:
      "Check that consul_address names a running agent and that consul_datacenter exists; with ACLs the token in BIFROST_CONSUL_TOKEN needs service:read and node:read.",
  },
  "consul-critical": {
    level: "warn",
    message: "service is critical in Consul",
    cause:
      "Consul's TCP check of this node's gossip port fails, so other nodes do not get its address, and after a minute it is deregistered.",
    remedy:
      "Check that the Consul agent reaches the gossip port (10101) of this node at the registered address, that the address is right, and that this node's log shows no error of its start; increase the check's timeout in Consul if the network is slow.",
  },
  "consul-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "Consul knows no other healthy instance of the service.",
    remedy:
      "Check that service_name is the same on all nodes, that their checks are passing in Consul's UI, and that they are registered in the datacenter that is queried (consul_datacenter).",
  },
  "consul-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "Consul shows nodes of the service, but their gossip port does not answer this node.",
    remedy:
      "Check that service_name matches on all nodes and their checks are passing, that the gossip port (10101) is open between nodes, that they are registered in the correct datacenter, and that names in place of addresses resolve.",
  },

  // ---- etcd ----
  "etcd-client": {
    level: "error",
    message: "etcd client error",
    cause: "No etcd endpoint answered, or the connection to it broke.",
    remedy:
      "Check that the etcd_endpoints are right, begin with http:// or https:// and resolve; that the cluster is healthy (etcdctl endpoint health) and a firewall lets connections to its port (2379) pass; increase dial_timeout if the network is slow.",
  },
  "etcd-register": {
    level: "error",
    message: "failed to register with etcd",
    cause: "etcd answered, but did not take this node's key.",
    remedy:
      "Check that the cluster accepts writes (it has a leader) and has space left (etcdctl alarm list); with authentication BIFROST_ETCD_USERNAME and BIFROST_ETCD_PASSWORD must name a user that may read and write /services/; look for permission or quota errors in etcd's log.",
  },
  "etcd-lease-lost": {
    level: "warn",
    message: "lease lost, registering with etcd again",
    cause: "etcd no longer knows this node's lease: it was not renewed in time, or was revoked.",
    remedy: "Nothing if it stays the only one: the node is registered again at once.",
  },
  "etcd-flapping": {
    level: "warn",
    message: "node repeatedly registering and deregistering",
    cause: "The lease in etcd was lost three times within ten minutes.",
    remedy:
      "Check the network between this node and etcd, that etcd is not overloaded and does not change its leader again and again (watch etcd_server_leader_changes_seen_total and its latencies), and that this node gets enough CPU to renew a lease of 30 seconds.",
  },
  "etcd-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "etcd holds no other node below /services/{service_name}/.",
    remedy:
      "Check that service_name is the same on all nodes and that etcdctl get --prefix /services/ shows them; a node without a key did not register: read its log.",
  },
  "etcd-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "etcd holds nodes whose gossip port does not answer this node.",
    remedy:
      "Check that the gossip port (10101) is open between nodes and that each one registers an address that the others can reach.",
  },

  // ---- dns ----
  "dns-lookup": {
    level: "error",
    message: "dns lookup error",
    cause: "The name server did not answer, or does not know the name.",
    remedy:
      "Check with nslookup that the names in dns_names resolve from this machine (in its container, when it runs in one), that /etc/resolv.conf names the right name server and that it can be reached; flush DNS caches.",
  },
  "dns-cname": {
    level: "warn",
    message: "dns name resolves to a CNAME without addresses",
    cause: "The name is an alias (CNAME), and what it stands for has no A, AAAA or SRV records.",
    remedy:
      "Give the name in dns_names A records of its own, one for each node (not a CNAME), or name the target of the alias once it has some; dig shows what the server answers.",
  },
  "dns-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "The names resolve, but to no address beside this node's own.",
    remedy:
      "Check with dig that DNS returns several A records (not a CNAME), one for each node, and that the addresses are those of the nodes.",
  },
  "dns-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "DNS returns addresses whose gossip port does not answer this node.",
    remedy:
      "Check that bind_port is the gossip port (10101) of the nodes and open on all of them, that firewalls between nodes let it pass, that the nodes listen on the addresses that DNS returns, and with telnet ADDRESS 10101 that one can connect.",
  },

  // ---- udp ----
  "udp-permission": {
    level: "error",
    message: "permission denied",
    cause: "The system does not let this program use udp_broadcast_port, or broadcast at all.",
    remedy:
      "Choose a udp_broadcast_port above 1024 (ports below need root), and check that no firewall on this machine blocks UDP on it.",
  },
  "udp-in-use": {
    level: "error",
    message: "address already in use",
    cause: "Another program has udp_broadcast_port for itself.",
    remedy:
      "Find it with netstat -tulpn | grep PORT (or ss -lunp) and end it, or set udp_broadcast_port to a different value on all nodes.",
  },
  "udp-socket": {
    level: "error",
    message: "discovery failed",
    cause: "Beacons cannot be sent or received.",
    remedy:
      "Check with ip addr that an interface is up and has an IPv4 address and a broadcast address within allowed_address_space.",
  },
  "udp-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "No other node answered a beacon within dial_timeout.",
    remedy:
      "Check that allowed_address_space includes the addresses of the nodes, that the broadcast port is open for UDP (firewalls, security groups), that the nodes are on the same subnet and broadcast is enabled on the interface; watch with tcpdump -i any -n udp port PORT; with Docker use the network mode bridge or host.",
  },
  "udp-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "Nodes answer the beacons, but not on their gossip port.",
    remedy: "Check that the gossip port (10101) is open between nodes, for TCP and UDP.",
  },

  // ---- mdns ----
  "mdns-socket": {
    level: "error",
    message: "discovery failed",
    cause: "Multicast DNS cannot be sent or received.",
    remedy:
      "Check that multicast is enabled on the interface (ip link) and that nothing has port 5353 for itself (ss -lunp).",
  },
  "mdns-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "No other node answered by multicast DNS within dial_timeout.",
    remedy:
      "Check that the nodes are on the same local network segment, that firewalls let UDP port 5353 pass and that multicast is enabled on the interface; test with avahi-browse -a (Linux) or dns-sd -B (macOS); increase dial_timeout if the network is slow.",
  },
  "mdns-invalid-host": {
    level: "warn",
    message: "skipping invalid host address",
    cause:
      "Multicast DNS returned a loopback (127.x.x.x), network (*.0) or broadcast (*.255) address; these are filtered.",
    remedy:
      "This is normal. If a node is missing, check that it has a valid address that is not loopback (ip addr) and is not bound to 127.0.0.1.",
  },
  "mdns-flapping": {
    level: "warn",
    message: "node repeatedly discovered and lost",
    cause: "The same node came and went three times within ten minutes.",
    remedy:
      "Multicast DNS is eventually consistent: allow for some time. Check that the gossip port is open between nodes, that the network does not drop multicast packets, and for congestion or packet loss; for production use kubernetes, consul or etcd.",
  },
  "mdns-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "Nodes announce themselves, but their gossip port does not answer this node.",
    remedy: "Check that the gossip port (10101) is open between nodes, for TCP and UDP.",
  },

  // ---- firestore ----
  "firestore-access": {
    level: "error",
    message: "discovery failed",
    cause: "The collection gatewayNodes in Firestore cannot be read or written.",
    remedy:
      "Check that the rules of this release are deployed and that the gateway's identity may sign in as the principal gateway.",
  },
  "firestore-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause:
      "The collection gatewayNodes holds no other node of this service_name that is still alive.",
    remedy:
      "Check that service_name and the project are the same on all nodes, and read their logs.",
  },
  "firestore-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "Firestore holds nodes that do not answer this node.",
    remedy: "Check that each node advertises an address (or URL) that the others can reach.",
  },

  // ---- static peers ----
  "static-alone": {
    level: "warn",
    message: "no new nodes discovered",
    cause: "The list of peers names no node but this one.",
    remedy: "Name the other nodes in cluster_config.peers, or enable discovery.",
  },
  "static-unjoined": {
    level: "warn",
    message: "failed to join cluster",
    cause: "A node in cluster_config.peers does not answer.",
    remedy: "Check the address, that the node runs, and that its gossip port (10101) is open.",
  },

  // ---- all of them ----
  "not-allowed": {
    level: "warn",
    message: "not in allowed address space",
    cause:
      "A discovered address is in none of the blocks of allowed_address_space; it is left out.",
    remedy:
      "If it belongs to a node, add its block: check its address with ip addr, write the network address (192.168.1.0/24, not a host address such as 192.168.1.10/24) and cover all nodes; ipcalc shows what a block contains.",
  },
  "invalid-entry": {
    level: "warn",
    message: "skipping invalid entry",
    cause: "What was found is not the address of a node.",
    remedy: "Remove the entry, or correct the program that wrote it.",
  },
  "too-many": {
    level: "warn",
    message: "too many nodes discovered",
    cause: "More nodes were found than a cluster may have; the rest is left out.",
    remedy:
      "Check that the label selector, names or address space find this cluster's nodes only; clusters typically have 3 to 7.",
  },
  "all-fail": {
    level: "error",
    message: "discovery failed",
    cause: "No method of discovery works at the moment; the nodes that are known already stay.",
    remedy: "See the errors of each method.",
  },
} as const satisfies Record<string, Trouble>;

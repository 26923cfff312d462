import { anything, assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { clusterFile, discoveryFile, problemsOf } from "../testing/cluster-files.ts";
import { MAX_FILE_BYTES } from "./read-cluster-file.ts";

describe("each problem tells its place, what was found, what is allowed and what to do", () => {
  const enabled = { enabled: true };
  const lonely =
    "allowed: cluster mode requires either a non-empty peers list or discovery.enabled: true";
  test.each([
    [clusterFile({}), `cluster_config: found neither; ${lonely}; add "peers"`],
    [clusterFile({ peers: [] }), `cluster_config: found neither; ${lonely}`],
    [
      clusterFile({ discovery: { type: "dns", dns_names: ["a"] } }),
      `cluster_config: found no peers, and discovery that is not enabled; ${lonely}; write "enabled": true`,
    ],
    [
      { cluster_config: {} },
      'cluster_config.enabled: found nothing; allowed: true or false; add "enabled": true',
    ],
    [
      { cluster_config: [] },
      "cluster_config: found an empty list; allowed: an object with enabled, node_id",
    ],
    [
      { clusterconfig: {} },
      'clusterconfig: found a field "clusterconfig" that is not known; allowed: cluster_config, config_store, providers; did you mean "cluster_config"?',
    ],
    [
      clusterFile({ peers: ["a"], gossip: { prot: 1 } }),
      'cluster_config.gossip.prot: found a field "prot" that is not known; allowed: port, deduplication_ttl, config; did you mean "port"?',
    ],
    [clusterFile({ peers: ["a"], "a b": 1 }), 'cluster_config."a b": found a field "a b"'],
    [
      clusterFile({ peers: ["a"], gossip: { port: "10101" } }),
      'cluster_config.gossip.port: found the string "10101"; allowed: a whole number from 1 to 65535; did you mean 10101?',
    ],
    [
      clusterFile({ peers: ["a"], gossip: { config: { timeout_seconds: "10s" } } }),
      'timeout_seconds: found the string "10s"; allowed: a number of seconds from 0.1 to 600; did you mean 10?',
    ],
    [
      clusterFile({ peers: ["a"], gossip: { config: { failure_threshold: 0 } } }),
      "failure_threshold: found the number 0; allowed: a whole number from 1 to 100",
    ],
    [
      clusterFile({ peers: "a:1" }),
      'cluster_config.peers: found the string "a:1"; allowed: a list of at most 256',
    ],
    [
      clusterFile({ peers: ["a", "b:0"] }),
      'cluster_config.peers[1]: found the string "b:0"; allowed: host or host:port',
    ],
    [
      clusterFile({ peers: ["https://a"], transport: "https" }),
      "cluster_config.advertise: found nothing; allowed: the URL of this service",
    ],
    [
      clusterFile({ peers: ["http://a"], transport: "https", advertise: "https://b" }),
      'peers[0]: found the string "http://a"; allowed: an https URL',
    ],
    [
      clusterFile({ peers: ["a"], transport: "htps" }),
      'found the string "htps"; allowed: "mesh", "https"; did you mean "https"?',
    ],
    [
      clusterFile({ peers: ["a"], tls: { cert: "/c", ca: "/a" } }),
      "cluster_config.tls.key: found nothing; allowed: the path of a PEM file",
    ],
    [
      discoveryFile({ ...enabled }),
      'cluster_config.discovery.type: found nothing; allowed: "kubernetes", "consul", "etcd", "dns", "udp", "mdns", "firestore"; add "type": "kubernetes"',
    ],
    [
      discoveryFile({ ...enabled, type: "consull" }),
      'discovery.type: found the string "consull"; allowed: "kubernetes", "consul", "etcd", "dns", "udp", "mdns", "firestore"; did you mean "consul"?',
    ],
    [
      discoveryFile({ ...enabled, type: "consul" }),
      'service_name: found nothing; allowed: a name, which discovery of type "consul" requires',
    ],
    [
      discoveryFile({ ...enabled, type: "mdns" }),
      'service_name: found nothing; allowed: a name, which discovery of type "mdns" requires',
    ],
    [
      discoveryFile({ ...enabled, type: "etcd", service_name: "x" }),
      "etcd_endpoints: found nothing; allowed: a list of at most 16, each an http or https URL",
    ],
    [
      discoveryFile({ ...enabled, type: "etcd", service_name: "x", etcd_endpoints: [] }),
      "etcd_endpoints: found an empty list",
    ],
    [
      discoveryFile({ ...enabled, type: "etcd", service_name: "x", etcd_endpoints: ["a:2379"] }),
      'etcd_endpoints[0]: found the string "a:2379"; allowed: an http or https URL of host and port, without user, password, path and query; did you mean "http://a:2379"?',
    ],
    [
      discoveryFile({ ...enabled, type: "dns" }),
      'dns_names: found nothing; allowed: a list of at most 64, each a host name or an IP address; add "dns_names": ["bifrost-cluster.local"]',
    ],
    [
      discoveryFile({ ...enabled, type: "udp", service_name: "x", udp_broadcast_port: 9999 }),
      "allowed_address_space: found nothing; allowed: the networks of the nodes in CIDR notation, which UDP broadcast discovery requires",
    ],
    [
      discoveryFile({
        ...enabled,
        type: "udp",
        service_name: "x",
        allowed_address_space: ["10.0.0.0/8"],
      }),
      "udp_broadcast_port: found nothing",
    ],
    [
      discoveryFile({
        ...enabled,
        type: "dns",
        dns_names: ["a"],
        allowed_address_space: ["192.168.1.5/24"],
      }),
      'allowed_address_space[0]: found the string "192.168.1.5/24"; allowed: an IP network in CIDR notation, written with its first address; did you mean "192.168.1.0/24"?',
    ],
    [
      discoveryFile({ ...enabled, type: "dns", dns_names: ["a"], dial_timeout: 10 }),
      'dial_timeout: found the number 10; allowed: a time from "100ms" to "10m" with its unit (ms, s, m, h); did you mean "10s"?',
    ],
    [
      discoveryFile({ ...enabled, type: "dns", dns_names: ["a"], etcd_endpoints: [] }),
      'etcd_endpoints: found a field "etcd_endpoints" that is not known; allowed: enabled, type, service_name, bind_port, dial_timeout, allowed_address_space, dns_names; it belongs to discovery of type "etcd"',
    ],
    [
      discoveryFile({ ...enabled, type: "firestore" }, { ...enabled, type: "dns" }),
      "cluster_config.discovery[1].dns_names: found nothing",
    ],
    [
      { config_store: { enabled: true, type: "postgress", config: {} } },
      'config_store.type: found the string "postgress"; allowed: "firestore", "postgres"; did you mean "postgres"?',
    ],
    [
      {
        config_store: {
          enabled: true,
          type: "postgres",
          config: { host: "h", user: "u", db_name: "d" },
        },
      },
      "config_store.config.password: found nothing",
    ],
    [
      { config_store: { enabled: true, type: "firestore", config: { host: "h" } } },
      'config_store.config.host: found a field "host"',
    ],
    [
      '{"cluster_config": {"enabled": true,}}',
      'the file: found "}" behind a "," in line 1, column 37',
    ],
    [
      '{"a": 1,\n "a": 2}',
      "the file: found a name that this object has already in line 2, column 2; allowed: each name once",
    ],
    ["[]", "the file: found an empty list; allowed: an object with cluster_config, config_store"],
  ])("%j", (file, expected) => {
    const problems = problemsOf(file);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
  });

  test("a file that is too large", () => {
    expect(problemsOf(" ".repeat(MAX_FILE_BYTES + 1))[0]).toContain(
      `the file: found ${MAX_FILE_BYTES + 1} bytes; allowed: at most ${MAX_FILE_BYTES}`,
    );
  });

  test("all of them at once", () => {
    const file = {
      cluster_config: {
        enabled: "yes",
        discovery: { enabled: true, type: "udp", allowed_address_space: ["x", "10.0.0.0/8"] },
        gossip: { port: 0, config: { success_threshold: 1.5 } },
      },
      config_store: { type: "postgres" },
      extra: 1,
    };
    expect(problemsOf(file).map((line) => line.split(":")[0])).toEqual([
      "extra",
      "cluster_config.enabled",
      "cluster_config.gossip.port",
      "cluster_config.gossip.config.success_threshold",
      "cluster_config.discovery.allowed_address_space[0]",
      "cluster_config.discovery.udp_broadcast_port",
      "cluster_config.discovery.service_name",
      "config_store.enabled",
    ]);
  });
});

const SECRET = "hunter2hunter2";

function store(config: unknown): unknown {
  return { config_store: { enabled: true, type: "postgres", config } };
}

describe("secrets", () => {
  test.each([
    ["in the wrong form", store({ host: 1, user: 1, db_name: 1, password: [SECRET] })],
    ["under a misspelled name", store({ host: "h", user: "u", db_name: "d", pasword: SECRET })],
    ["as an object's neighbour", `{"password": "${SECRET}" "x"}`],
    ["unquoted", `{"password": ${SECRET}}`],
    [
      "in an URL of etcd",
      discoveryFile({
        enabled: true,
        type: "etcd",
        service_name: "x",
        etcd_endpoints: [`http://u:${SECRET}@a:1`],
      }),
    ],
    [
      "in an address of Consul",
      discoveryFile({
        enabled: true,
        type: "consul",
        service_name: "x",
        consul_address: `u:${SECRET}@a:1`,
      }),
    ],
    ["in a peer", clusterFile({ peers: [`u:${SECRET}@a:1`] })],
  ])("%s are not told", (_, file) => {
    const problems = problemsOf(file);
    expect(problems).not.toEqual([]);
    expect(problems.join("\n")).not.toContain(SECRET);
  });
});

test("whatever the file holds, it is read or refused with a place", () => {
  assert(
    property(anything(), (value) => {
      const text = JSON.stringify({ cluster_config: value, config_store: value }) ?? "{}";
      for (const line of problemsOf(text)) expect(line).toMatch(/^[\w."\\[\]…-]+.*: found /);
    }),
  );
  assert(property(string(), (text) => void problemsOf(text)));
});

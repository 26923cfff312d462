import { describe, expect, test } from "vitest";
import {
  CLUSTER_FILES,
  clusterFile,
  discoveryFile,
  problemsOf,
  readFileText,
} from "../testing/cluster-files.ts";

const GOSSIP = {
  port: 10_101,
  timeoutMs: 10_000,
  successThreshold: 3,
  failureThreshold: 3,
  deduplicationMs: 120_000,
};
const COMMON = {
  serviceName: "bifrost-cluster",
  bindPort: 10_101,
  dialTimeoutMs: 10_000,
  allowedAddressSpace: [],
};

describe("the sample files of the documentation, word for word", () => {
  test.each([
    [
      "kubernetes",
      { ...COMMON, type: "kubernetes", namespace: "default", labelSelector: "app=bifrost" },
    ],
    [
      "consul",
      { ...COMMON, type: "consul", address: "consul.service.consul:8500", datacenter: null },
    ],
    [
      "etcd",
      {
        ...COMMON,
        type: "etcd",
        endpoints: ["http://etcd-1:2379", "http://etcd-2:2379", "http://etcd-3:2379"],
      },
    ],
    [
      "dns",
      {
        ...COMMON,
        type: "dns",
        names: ["bifrost-cluster.local", "bifrost-nodes.internal.company.com"],
      },
    ],
    [
      "udp",
      {
        ...COMMON,
        type: "udp",
        broadcastPort: 9999,
        allowedAddressSpace: ["192.168.1.0/24", "10.0.0.0/8"],
      },
    ],
    ["mdns", { ...COMMON, serviceName: "bifrost", type: "mdns", service: "_bifrost._tcp" }],
    [
      "production",
      {
        ...COMMON,
        type: "kubernetes",
        namespace: "bifrost",
        labelSelector: "app=bifrost,component=gateway",
      },
    ],
  ] as const)("%s", (name, expected) => {
    const file = readFileText(CLUSTER_FILES[name]);
    expect(file.cluster?.discoveries).toEqual([expected]);
    expect(file.cluster?.gossip).toEqual(GOSSIP);
  });

  test("the skeleton lacks what its method requires, and only that", () => {
    expect(problemsOf(CLUSTER_FILES.basics)).toEqual([
      'cluster_config.discovery.k8s_label_selector: found nothing; allowed: a label selector; add "k8s_label_selector": "app=bifrost"',
    ]);
  });

  test("the config_store of the production file is PostgreSQL", () => {
    expect(readFileText(CLUSTER_FILES.production).configStore).toEqual({
      type: "postgres",
      host: "postgres.bifrost.svc.cluster.local",
      port: 5432,
      user: "bifrost",
      password: "changeme",
      database: "bifrost",
      sslMode: "require",
    });
  });
});

describe("defaults", () => {
  test("an empty file is a gateway alone on Firestore", () => {
    expect(readFileText({})).toEqual({
      cluster: null,
      configStore: { type: "firestore" },
      providers: [],
    });
  });

  test("peers alone make a cluster; their port is the gossip port", () => {
    const file = readFileText(clusterFile({ peers: ["10.0.0.2", "b:1", "[::1]:7", "::1"] }));
    expect(file.cluster).toEqual({
      nodeId: null,
      region: "",
      label: "bifrost",
      transport: "mesh",
      bindAddress: "0.0.0.0",
      advertise: null,
      peers: ["10.0.0.2:10101", "b:1", "[::1]:7", "[::1]:10101"],
      discoveries: [],
      gossip: GOSSIP,
      tls: null,
    });
  });

  test.each([
    [
      { type: "consul", service_name: "x" },
      { address: "localhost:8500", datacenter: null },
    ],
    [
      { type: "kubernetes", k8s_label_selector: "a=b" },
      { namespace: "default", serviceName: "" },
    ],
    [{ type: "mdns", service_name: "x" }, { service: "_bifrost._tcp" }],
    [
      { type: "mdns", mdns_service: "_x._tcp" },
      { service: "_x._tcp", serviceName: "" },
    ],
    [{ type: "firestore" }, { serviceName: "", bindPort: 7000, dialTimeoutMs: 10_000 }],
  ])("discovery %j", (written, expected) => {
    const found = { enabled: true, ...written };
    const file = readFileText(clusterFile({ discovery: found, gossip: { port: 7000 } }));
    expect(file.cluster?.discoveries).toMatchObject([{ bindPort: 7000, ...expected }]);
  });

  test("PostgreSQL needs host, user, password and database", () => {
    const config = { host: "h", user: "u", password: "p", db_name: "d" };
    const file = readFileText({ config_store: { enabled: true, type: "postgres", config } });
    expect(file.configStore).toMatchObject({ port: 5432, sslMode: "require" });
  });

  test("the password of the environment wins", () => {
    const config = { host: "h", user: "u", db_name: "d" };
    const store = { enabled: true, type: "postgres", config };
    expect(readFileText({ config_store: store }, "env").configStore).toMatchObject({
      password: "env",
    });
    const both = { config_store: { ...store, config: { ...config, password: "file" } } };
    expect(readFileText(both, "env").configStore).toMatchObject({ password: "env" });
  });
});

test("several discoveries are used at once, those that are not enabled are left out", () => {
  const file = readFileText(
    discoveryFile(
      { enabled: true, type: "dns", dns_names: ["a.example"] },
      { enabled: false, type: "udp" },
      { type: "etcd" },
      { enabled: true, type: "firestore" },
    ),
  );
  expect(file.cluster?.discoveries.map(({ type }) => type)).toEqual(["dns", "firestore"]);
});

test("what is switched off is nothing, but what it says is checked", () => {
  const off = {
    cluster_config: { enabled: false },
    config_store: { enabled: false, type: "postgres" },
  };
  expect(readFileText(off)).toEqual({
    cluster: null,
    configStore: { type: "firestore" },
    providers: [],
  });
  expect(problemsOf({ cluster_config: { enabled: false, gosip: {} } })).toHaveLength(1);
});

/** The real client against a server that keeps the documented contract of a Consul agent; no Consul was at hand. */
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, expect, test, vi } from "vitest";
import { ConsulServer } from "../testing/consul-server.ts";
import { keptLog } from "../testing/logged.ts";
import { freePort } from "../testing/programs.ts";
import { type ConsulConfig, ConsulDiscovery } from "./consul.ts";
import { readConsulNodes } from "./consul-nodes.ts";
import { discoveryContract, type MethodRig } from "./discovery.contract.ts";

const SERVICE = "bifrost-cluster";
const WAIT = { timeout: 10_000, interval: 10 } as const;
const RUBBISH = [
  null,
  7,
  {},
  { Node: {}, Service: { ID: "x", Port: 0 } },
  { Node: { Address: "a b" }, Service: { ID: "x", Port: 10101 } },
  { Node: {}, Service: { ID: "x", Address: "224.0.0.1", Port: 10101 } },
  { Node: { Address: "10.0.0.7" }, Service: { ID: 7, Port: 10101 } },
];

function configOf(port: number, datacenter: string | null = null): ConsulConfig {
  return {
    type: "consul",
    address: `127.0.0.1:${port}`,
    datacenter,
    serviceName: SERVICE,
    bindPort: 10101,
    dialTimeoutMs: 2000,
    allowedAddressSpace: [],
  };
}

async function consulRig(): Promise<MethodRig> {
  const port = await freePort();
  const consul = new ConsulServer({ port });
  await consul.start();
  return {
    addressOf: (name) => `10.0.0.${name.charCodeAt(0)}:10101`,
    make: (_, basics) => new ConsulDiscovery(configOf(port), basics, null),
    backend: consul,
    rubbish() {
      consul.rubbish = RUBBISH;
      return Promise.resolve();
    },
    close: () => consul.stop(),
  };
}

discoveryContract("consul", consulRig, { missing: null, hasBackend: true });

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function startConsul(token?: string): Promise<{ consul: ConsulServer; port: number }> {
  const port = await freePort();
  const consul = new ConsulServer({ port, ...(token === undefined ? {} : { token }) });
  await consul.start();
  stops.push(() => consul.stop());
  return { consul, port };
}

async function startNode(
  config: ConsulConfig,
  nodeId = "a",
  address = "10.0.0.1:10101",
  token: string | null = null,
) {
  const { log, lines, events } = keptLog();
  const basics = { log, timers: systemTimers, random: Math.random };
  const node = new ConsulDiscovery(config, basics, token);
  stops.push(() => node.stop());
  let found: readonly string[] = [];
  const onFound = (addresses: readonly string[]): void => void (found = addresses);
  await node.start({ nodeId, address }, { onFound });
  const finds = (...wanted: readonly string[]) =>
    vi.waitFor(() => expect(found).toEqual(wanted), WAIT);
  return { node, lines, events, finds };
}

test("a node registers with a check of its gossip port that ends its registration when it stays critical", async () => {
  const { consul, port } = await startConsul();
  const { node } = await startNode(configOf(port));
  expect(consul.registrations).toEqual([
    {
      ID: "bifrost-cluster-a",
      Name: SERVICE,
      Address: "10.0.0.1",
      Port: 10101,
      Check: {
        Name: "gossip port",
        TCP: "10.0.0.1:10101",
        Interval: "10s",
        Timeout: "5s",
        Status: "passing",
        DeregisterCriticalServiceAfter: "1m",
      },
    },
  ]);
  await node.stop();
  expect(consul.registrations).toEqual([]);
});

async function listener(): Promise<{ server: Server; address: string }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => server.close());
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("a node whose gossip port does not answer Consul is left out, told so, and deregistered by it", async () => {
  const { consul, port } = await startConsul();
  const [one, two] = [await listener(), await listener()];
  const a = await startNode(configOf(port), "a", one.address);
  const b = await startNode(configOf(port), "b", two.address);
  await a.finds(two.address);
  await new Promise((resolve) => two.server.close(resolve));
  await consul.runChecks();
  await a.finds();
  await b.finds(one.address);
  await vi.waitFor(() => expect(b.events()).toContain("service is critical in Consul"), WAIT);
  expect(a.events()).toEqual([]);
  consul.reap();
  expect(consul.registrations.map(({ ID }) => ID)).toEqual(["bifrost-cluster-a"]);
});

test("a node registers again with an agent that came back with nothing in it", async () => {
  const { consul, port } = await startConsul();
  const { finds } = await startNode(configOf(port));
  const other = await startNode(configOf(port), "b", "10.0.0.2:10101");
  await finds("10.0.0.2:10101");
  // A question that comes to the new agent first waits there as long as any other, and only then learns.
  await vi.waitFor(() => expect(consul.waiting).toBe(2), WAIT);
  await consul.stop();
  consul.forget();
  await consul.start();
  await Promise.all([finds("10.0.0.2:10101"), other.finds("10.0.0.1:10101")]);
  await vi.waitFor(() => expect(consul.registrations).toHaveLength(2), WAIT);
});

test("with ACLs the token is sent; without it the registration is refused, and the log says what it needs", async () => {
  const { port } = await startConsul("the-token");
  const right = await startNode(configOf(port), "a", "10.0.0.1:10101", "the-token");
  expect(right.node.problem()).toBeNull();
  const none = await startNode(configOf(port), "b", "10.0.0.2:10101");
  expect(none.node.problem()).toContain("failed to register service with Consul");
  expect(none.lines[0]).toMatchObject({
    event: "failed to register service with Consul",
    fields: { remedy: expect.stringContaining("service:write") },
  });
  expect(JSON.stringify([...right.lines, ...none.lines])).not.toContain("the-token");
});

test("a datacenter is asked for by name; one that does not exist is told", async () => {
  const { port } = await startConsul();
  const known = await startNode(configOf(port, "dc1"));
  expect(known.node.problem()).toBeNull();
  const unknown = await startNode(configOf(port, "dc2"), "b", "10.0.0.2:10101");
  expect(unknown.node.problem()).toContain("discovery failed: ");
  expect(unknown.lines[0]?.fields).toMatchObject({ datacenter: "dc2" });
});

test("what is no instance of a service is counted, and read no further", () => {
  const good = { Node: { Address: "10.0.0.8" }, Service: { ID: "y", Address: "", Port: 10101 } };
  expect(readConsulNodes([...RUBBISH, good])).toEqual({
    nodes: [{ id: "y", address: "10.0.0.8:10101", isCritical: false }],
    invalid: RUBBISH.length,
  });
});

/** Nodes on the loopback network of this machine, which has a broadcast address as any other. */
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, expect, test, vi } from "vitest";
import { keptLog } from "../testing/logged.ts";
import { discoveryContract, type MethodRig } from "./discovery.contract.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { UdpDiscovery } from "./udp.ts";

const BEACON_MS = 100;
const WAIT = { timeout: 10_000, interval: 10 } as const;
const BROADCAST = "127.255.255.255";

function udpDiscovery(port: number, basics: DiscoveryBasics, allowed = ["127.0.0.0/8"]) {
  const config = {
    type: "udp",
    broadcastPort: port,
    serviceName: "bifrost-cluster",
    bindPort: 10101,
    dialTimeoutMs: 1000,
    allowedAddressSpace: allowed,
  } as const;
  return new UdpDiscovery(config, basics, BEACON_MS);
}

function bound(port: number, options: { reuseAddr: boolean; address?: string }): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: options.reuseAddr });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, options.address, () => resolve(socket));
  });
}

async function freeUdpPort(): Promise<number> {
  const socket = await bound(0, { reuseAddr: false });
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

const send = (socket: Socket, text: string | Buffer, port: number, to: string) =>
  new Promise<void>((resolve, reject) =>
    socket.send(text, port, to, (error) => (error === null ? resolve() : reject(error))),
  );

async function udpRig(): Promise<MethodRig> {
  const port = await freeUdpPort();
  return {
    addressOf: (name) => `127.0.0.${name.charCodeAt(0)}:10101`,
    make: (_, basics) => udpDiscovery(port, basics),
    async rubbish() {
      const stranger = await bound(0, { reuseAddr: false, address: "127.0.0.200" });
      stranger.setBroadcast(true);
      const hello = { bifrost: 1, kind: "hello", service: "bifrost-cluster", node: "x", port: 1 };
      const packets = [
        "",
        "{",
        Buffer.alloc(60_000, "x"),
        JSON.stringify({ ...hello, node: "a b" }),
        JSON.stringify({ ...hello, port: 0 }),
        JSON.stringify({ ...hello, service: "another-cluster" }),
        JSON.stringify({ ...hello, kind: "bye", node: "nobody" }),
      ];
      for (const packet of packets) await send(stranger, packet, port, BROADCAST);
      stranger.close();
    },
    close: () => Promise.resolve(),
  };
}

discoveryContract("udp", udpRig, { missing: null, hasBackend: false });

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function startNode(port: number, address: string, allowed?: string[]) {
  const { log, lines, events } = keptLog();
  const basics = { log, timers: systemTimers, random: Math.random };
  const node = udpDiscovery(port, basics, allowed);
  cleanUps.push(() => node.stop());
  let found: readonly string[] = [];
  const onFound = (addresses: readonly string[]): void => void (found = addresses);
  await node.start({ nodeId: `node-${address.replaceAll(/[.:]/g, "-")}`, address }, { onFound });
  const finds = (...wanted: readonly string[]) =>
    vi.waitFor(() => expect(found).toEqual(wanted), WAIT);
  return { node, lines, events, finds, found: () => found };
}

test("nodes at one address are told apart by their ports", async () => {
  const port = await freeUdpPort();
  const [a, b, c] = await Promise.all(
    [10101, 10102, 10103].map((gossip) => startNode(port, `127.0.0.1:${gossip}`)),
  );
  await Promise.all([
    a?.finds("127.0.0.1:10102", "127.0.0.1:10103"),
    b?.finds("127.0.0.1:10101", "127.0.0.1:10103"),
    c?.finds("127.0.0.1:10101", "127.0.0.1:10102"),
  ]);
});

test("a beacon is acknowledged to where it came from, and a node that falls silent is forgotten", async () => {
  const port = await freeUdpPort();
  const a = await startNode(port, "127.0.0.1:10101");
  const silent = await bound(0, { reuseAddr: false, address: "127.0.0.9" });
  cleanUps.push(() => silent.close());
  silent.setBroadcast(true);
  const answered = new Promise<{ text: string; from: string }>((resolve) =>
    silent.once("message", (packet, { address }) =>
      resolve({ text: packet.toString(), from: address }),
    ),
  );
  const hello = { bifrost: 1, kind: "hello", service: "bifrost-cluster", node: "silent", port: 7 };
  await send(silent, JSON.stringify(hello), port, BROADCAST);
  await a.finds("127.0.0.9:7");
  const { text, from } = await answered;
  expect([JSON.parse(text), from]).toEqual([
    {
      bifrost: 1,
      kind: "here",
      service: "bifrost-cluster",
      node: "node-127-0-0-1-10101",
      port: 10101,
    },
    "127.0.0.1",
  ]);
  await a.finds();
});

test("a node outside of the allowed space is not taken", async () => {
  const port = await freeUdpPort();
  const strict = await startNode(port, "127.0.0.1:10101", ["127.0.0.0/29"]);
  await startNode(port, "127.0.0.100:10101");
  await vi.waitFor(() => expect(strict.events()).toContain("not in allowed address space"), WAIT);
  expect(strict.found()).toEqual([]);
});

test("without an interface inside of the allowed space nothing is sent, and that is said", async () => {
  const { node } = await startNode(await freeUdpPort(), "127.0.0.1:10101", ["10.255.0.0/16"]);
  expect(node.problem()).toContain("no interface has a broadcast address within");
});

test("a port that only root may use is permission denied to others", async (context) => {
  const first = readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8");
  // Inside of some containers everybody may use every port.
  if (Number(first) <= 97) context.skip("a-port-of-root is not reachable");
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  cleanUps.push(() => isRoot && process.seteuid?.(0));
  const { node, lines } = await startNode(97, "127.0.0.1:10101");
  expect(node.problem()).toContain("permission denied: ");
  expect(lines[0]?.fields).toMatchObject({ port: 97, remedy: expect.stringContaining("1024") });
});

test("a port that another program has for itself is address already in use, until it is free", async () => {
  const port = await freeUdpPort();
  const greedy = await bound(port, { reuseAddr: false });
  const { node, lines } = await startNode(port, "127.0.0.1:10101");
  expect(node.problem()).toContain("address already in use");
  expect(lines[0]?.fields).toMatchObject({ port, remedy: expect.stringContaining("netstat") });
  await new Promise<void>((resolve) => greedy.close(() => resolve()));
  await vi.waitFor(() => expect(node.problem()).toBeNull(), WAIT);
});

/** Nodes on the loopback interface, which carries multicast as any other; and a real avahi beside them. */
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { systemTimers } from "@bifrost/shared/domain/time";
import multicastDns from "multicast-dns";
import { afterEach, expect, test, vi } from "vitest";
import { keptLog } from "../testing/logged.ts";
import { lacks, startServer, testFolder } from "../testing/programs.ts";
import { discoveryContract, type MethodRig } from "./discovery.contract.ts";
import { isUsable, MdnsDiscovery } from "./mdns.ts";
import type { Answer } from "./mdns-records.ts";
import type { DiscoveryBasics } from "./parts.ts";

const WAIT = { timeout: 10_000, interval: 10 } as const;
const GROUP = "224.0.0.251";
const TYPE = "_bifrost._tcp.local";

function mdnsDiscovery(port: number, basics: DiscoveryBasics, serviceName = "bifrost") {
  const config = {
    type: "mdns",
    service: "_bifrost._tcp",
    serviceName,
    bindPort: 10101,
    dialTimeoutMs: 1000,
    allowedAddressSpace: [],
  } as const;
  return new MdnsDiscovery(config, basics, port);
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, () => resolve()));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Says what it likes. */
async function responder(port: number) {
  const socket = multicastDns({ port, interface: "127.0.0.1", bind: "0.0.0.0" });
  await new Promise<void>((resolve) => socket.once("ready", resolve));
  cleanUps.push(() => new Promise<void>((resolve) => socket.destroy(resolve)));
  const say = (...answers: Answer[]) =>
    new Promise<void>((resolve) => socket.respond(answers, () => resolve()));
  return { socket, say };
}

const pointer = (name: string, ttl = 120): Answer => ({
  name: TYPE,
  type: "PTR",
  ttl,
  data: `${name}.${TYPE}`,
});
const place = (name: string, port: number, ttl = 120): Answer => ({
  name: `${name}.${TYPE}`,
  type: "SRV",
  ttl,
  data: { target: `${name}.local`, port },
});
const address = (name: string, data: string): Answer => ({
  name: `${name}.local`,
  type: "A",
  ttl: 120,
  data,
});

async function mdnsRig(): Promise<MethodRig> {
  const port = await freeUdpPort();
  return {
    addressOf: (name) => `127.0.0.${name.charCodeAt(0)}:10101`,
    make: (_, basics) => mdnsDiscovery(port, basics),
    async rubbish() {
      const raw = createSocket("udp4");
      await new Promise<void>((resolve) => raw.bind(0, "127.0.0.1", () => resolve()));
      raw.setMulticastInterface("127.0.0.1");
      for (const packet of [Buffer.alloc(0), Buffer.alloc(12, 255), Buffer.alloc(9000, 192)]) {
        await new Promise<void>((resolve) => raw.send(packet, port, GROUP, () => resolve()));
      }
      raw.close();
      const { say } = await responder(port);
      await say(pointer("x"), place("x", 0), address("x", "127.0.0.9"));
      await say({ name: TYPE, type: "PTR", ttl: 120, data: "elsewhere._http._tcp.local" });
      await say(pointer("z"), place("z", 7), address("z", "127.0.0.255"));
      await say(pointer("", 0), address("y", "127.0.0.8"));
    },
    close: () => Promise.resolve(),
  };
}

discoveryContract("mdns", mdnsRig, { missing: null, hasBackend: false });

async function startNode(port: number, name = "a", serviceName?: string) {
  const { log, lines, events } = keptLog();
  const basics = { log, timers: systemTimers, random: Math.random };
  const node = mdnsDiscovery(port, basics, serviceName);
  cleanUps.push(() => node.stop());
  const told: (readonly string[])[] = [];
  const own = `127.0.0.${name.charCodeAt(0)}:10101`;
  await node.start({ nodeId: name, address: own }, { onFound: (found) => told.push(found) });
  const finds = (...wanted: readonly string[]) =>
    vi.waitFor(() => expect(told.at(-1)).toEqual(wanted), WAIT);
  return { node, lines, events, told, finds };
}

test("place and address that a packet leaves out are asked for", async () => {
  const port = await freeUdpPort();
  const { socket, say } = await responder(port);
  socket.on("query", ({ questions = [] }) => {
    const asked = questions.map(({ name, type }) => `${type} ${name}`);
    if (asked.includes(`SRV sparing.${TYPE}`)) void say(place("sparing", 7));
    if (asked.includes("A sparing.local")) void say(address("sparing", "127.0.0.77"));
  });
  const { finds } = await startNode(port);
  await say(pointer("sparing"));
  await finds("127.0.0.77:7");
});

test("a host address that no other machine can reach is skipped with the reason", async () => {
  const port = await freeUdpPort();
  const { say } = await responder(port);
  const { events, lines, told } = await startNode(port);
  await say(pointer("b"), place("b", 7), address("b", "10.0.0.255"));
  await vi.waitFor(() => expect(events()).toContain("skipping invalid host address"), WAIT);
  expect(lines[0]?.fields).toMatchObject({ address: "10.0.0.255", node: "b" });
  expect(told).toEqual([[]]);
});

test.each([
  ["10.0.0.7", "10.0.0.1", true],
  ["10.0.0.0", "10.0.0.1", false],
  ["10.0.0.255", "10.0.0.1", false],
  ["127.0.0.1", "10.0.0.1", false],
  ["127.4.5.6", "10.0.0.1", false],
  ["127.0.0.7", "127.0.0.1", true],
  ["127.0.0.255", "127.0.0.1", false],
  ["fd00::1", "10.0.0.1", false],
])("%s told to a node at %s: usable %s", (ip, own, usable) => {
  expect(isUsable(ip, own)).toBe(usable);
});

test("nodes of another service_name are strangers", async () => {
  const port = await freeUdpPort();
  const ours = await startNode(port, "a", "ours");
  await startNode(port, "b", "theirs");
  await startNode(port, "c", "ours");
  await ours.finds("127.0.0.99:10101");
});

test("what says nothing any more is forgotten when its time is over; the third loss is told", async () => {
  const port = await freeUdpPort();
  const { say } = await responder(port);
  const { events, finds } = await startNode(port);
  await say(pointer("b", 1), place("b", 7, 1), address("b", "127.0.0.50"));
  await finds("127.0.0.50:7");
  await finds();
  for (const _ of [1, 2, 3]) {
    await say(pointer("b"), place("b", 7), address("b", "127.0.0.50"));
    await finds("127.0.0.50:7");
    await say(pointer("b", 0), place("b", 7, 0));
    await finds();
  }
  expect(events()).toContain("node repeatedly discovered and lost");
});

test("browsers of services are told the type", async () => {
  const port = await freeUdpPort();
  const { socket } = await responder(port);
  await startNode(port);
  const told = new Promise((resolve) =>
    socket.on("response", ({ answers = [] }) => {
      const found = answers.find(({ name }) => name === "_services._dns-sd._udp.local");
      if (found !== undefined) resolve(found);
    }),
  );
  socket.query("_services._dns-sd._udp.local", "PTR");
  expect(await told).toMatchObject({ type: "PTR", data: TYPE });
});

test("a port that another program has for itself is a problem until it is free", async () => {
  const greedy = createSocket({ type: "udp4", reuseAddr: false });
  await new Promise<void>((resolve) => greedy.bind(0, () => resolve()));
  const { node } = await startNode(greedy.address().port);
  expect(node.problem()).toContain("EADDRINUSE");
  await new Promise<void>((resolve) => greedy.close(() => resolve()));
  await vi.waitFor(() => expect(node.problem()).toBeNull(), WAIT);
});

/** In folders of its own, which only a mount namespace makes it read. */
const AVAHI = `
mount -t tmpfs tmpfs /run && mkdir -p /run/avahi-daemon &&
mount --bind "$1" /etc/avahi/services &&
exec avahi-daemon --file="$1/avahi.conf" --no-drop-root --no-chroot --no-rlimits`;

test("a service that a real avahi announces is found, with the address that it tells only when asked", async (context) => {
  const namespace = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--map-root-user"];
  const isAllowed = spawnSync("unshare", [...namespace, "true"]).status === 0;
  const missing = lacks("avahi-daemon") ?? (isAllowed ? null : "unshare is not reachable");
  if (missing !== null) context.skip(missing);
  const folder = testFolder();
  cleanUps.push(() => folder.remove());
  writeFileSync(
    folder.file("avahi.conf"),
    "[server]\nhost-name=avahi-node\ndomain-name=local\nuse-ipv6=no\nenable-dbus=no\nallow-interfaces=lo\n[publish]\npublish-workstation=no\n",
  );
  writeFileSync(
    folder.file("bifrost.service"),
    `<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>avahi-node</name><service><type>_bifrost._tcp</type><port>10107</port></service></service-group>`,
  );
  const avahi = await startServer(
    "unshare",
    [...namespace, "sh", "-c", AVAHI, "sh", folder.path],
    (output) => output.includes("Server startup complete"),
  );
  cleanUps.push(() => avahi.stop());
  const { finds } = await startNode(5353);
  await finds("127.0.0.1:10107");
});

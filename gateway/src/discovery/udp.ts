/**
 * Beacons by UDP broadcast. Each node listens on `udp_broadcast_port`, which nodes of one machine share, and speaks on
 * every interface inside of `allowed_address_space` from a socket of its own, to which the others acknowledge. A node
 * is taken to be where its packets come from; who it is, it says itself.
 */
import { createSocket, type Socket, type SocketType } from "node:dgram";
import { networkInterfaces } from "node:os";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer } from "@bifrost/shared/domain/time";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import type { NodeId } from "../gossip/member.ts";
import { joinAddress, splitAddress } from "./address.ts";
import { AddressSpace } from "./address-space.ts";
import { type Beacon, encodeBeacon, readBeacon } from "./beacon.ts";
import { type BroadcastDomain, broadcastDomains } from "./broadcast-domains.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings } from "./findings.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { Sightings } from "./sightings.ts";

export type UdpConfig = Extract<DiscoveryConfig, { type: "udp" }>;

const BEACON_MS = 5000;
/** A node whose last three beacons were missed is gone. */
const LIFE_IN_BEACONS = 3.5;
const FIRST_PAUSE_MS = 200;

export class UdpDiscovery implements Discovery {
  readonly type = "udp";
  readonly #config: UdpConfig;
  readonly #basics: DiscoveryBasics;
  readonly #beaconMs: number;
  readonly #space: AddressSpace;
  readonly #findings: Findings;
  readonly #sightings: Sightings<NodeId>;
  /** Where beacons of others arrive. */
  #ear: Socket | null = null;
  /** By the address each one speaks from. */
  readonly #mouths = new Map<string, Socket>();
  #next: Timer | null = null;
  #failures = 0;
  #isStopped = false;

  /** `beaconMs`: between two beacons. */
  constructor(config: UdpConfig, basics: DiscoveryBasics, beaconMs = BEACON_MS) {
    this.#config = config;
    this.#basics = basics;
    this.#beaconMs = beaconMs;
    this.#space = new AddressSpace(config.allowedAddressSpace);
    this.#findings = new Findings(this.type, basics.log, basics.timers);
    this.#sightings = new Sightings(basics.timers, (addresses) => this.#findings.found(addresses));
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    this.#listen();
    return this.#findings.first;
  }

  refresh(): void {
    if (this.#ear !== null) this.#announce();
  }

  problem(): string | null {
    return this.#findings.problem;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#next?.cancel();
    this.#sightings.stop();
    this.#findings.end();
    await this.#broadcast("bye");
    this.#ear?.close();
    for (const mouth of this.#mouths.values()) mouth.close();
    this.#mouths.clear();
    this.#ear = null;
  }

  #listen(): void {
    const ear = this.#socket("udp4", true);
    ear.once("error", (error) => {
      ear.close();
      this.#ear = null;
      this.#failed(error);
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, this.#beaconMs);
      if (!this.#isStopped) this.#next = this.#basics.timers.after(pause, () => this.#listen());
    });
    ear.bind(this.#config.broadcastPort, () => {
      if (this.#isStopped) {
        ear.close();
        return;
      }
      this.#ear = ear;
      this.#failures = 0;
      this.#findings.found([]);
      this.#announce();
    });
  }

  #socket(type: SocketType, reuseAddr: boolean): Socket {
    const socket = createSocket({ type, reuseAddr });
    socket.on("message", (packet, { address, port }) => {
      const beacon = readBeacon(packet);
      if (beacon !== null) this.#heard(beacon, address, port);
    });
    return socket;
  }

  #heard(beacon: Beacon, ip: string, port: number): void {
    const isOurs = beacon.service === this.#config.serviceName;
    if (this.#isStopped || !isOurs || beacon.node === this.#findings.self.nodeId) return;
    if (!this.#space.containsIp(ip)) {
      this.#findings.note("not-allowed", { address: ip, allowed: this.#space.blocks });
      return;
    }
    if (beacon.kind === "bye") {
      this.#sightings.gone(beacon.node);
      return;
    }
    const address = joinAddress(ip, beacon.port);
    this.#sightings.seen(beacon.node, address, this.#beaconMs * LIFE_IN_BEACONS);
    if (beacon.kind === "hello") void this.#acknowledge(ip, port);
  }

  /** From where this node's own beacons come, for that is where it is taken to be. */
  async #acknowledge(ip: string, port: number): Promise<void> {
    const domain = this.#domains().find((one) => one.contains(ip));
    if (domain !== undefined) await this.#say("here", domain.from, port, ip);
  }

  /** On every interface as it is now: they come and go. */
  #announce(): void {
    this.#next?.cancel();
    const domains = this.#domains();
    if (domains.length === 0) {
      const allowed = this.#space.blocks;
      const error = "no interface has a broadcast address within the allowed address space";
      this.#findings.fails("udp-socket", { allowed, error });
    } else void this.#greet();
    const pauseMs = this.#beaconMs * (0.9 + 0.2 * this.#basics.random());
    if (!this.#isStopped) this.#next = this.#basics.timers.after(pauseMs, () => this.#announce());
  }

  async #greet(): Promise<void> {
    const error = await this.#broadcast("hello");
    if (error === null) this.#findings.works();
    else this.#failed(error);
  }

  /** In every network; answers what went wrong. */
  async #broadcast(kind: Beacon["kind"]): Promise<Error | null> {
    const { broadcastPort } = this.#config;
    const errors = await Promise.all(
      this.#domains().map(({ from, to }) => this.#say(kind, from, broadcastPort, to)),
    );
    return errors.find((error) => error !== null) ?? null;
  }

  async #say(kind: Beacon["kind"], from: string, port: number, to: string): Promise<Error | null> {
    try {
      const mouth = await this.#mouth(from);
      return await new Promise((resolve) =>
        mouth.send(this.#beacon(kind), port, to, (error) => resolve(error)),
      );
    } catch (error) {
      this.#mouths.delete(from);
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  #mouth(from: string): Promise<Socket> {
    const known = this.#mouths.get(from);
    if (known !== undefined) return Promise.resolve(known);
    const mouth = this.#socket("udp4", false);
    return new Promise((resolve, reject) => {
      mouth.once("error", reject);
      mouth.bind(0, from, () => {
        mouth.setBroadcast(true);
        mouth.off("error", reject);
        // One that breaks later is made anew with the next beacon.
        mouth.on("error", () => this.#mouths.delete(from));
        this.#mouths.set(from, mouth);
        resolve(mouth);
      });
    });
  }

  #beacon(kind: Beacon["kind"]): Buffer {
    const { nodeId, address } = this.#findings.self;
    const port = splitAddress(address)?.port ?? this.#config.bindPort;
    return encodeBeacon({ kind, service: this.#config.serviceName, node: nodeId, port });
  }

  #domains(): readonly BroadcastDomain[] {
    const own = splitAddress(this.#findings.self.address)?.host ?? null;
    return broadcastDomains(networkInterfaces(), own).filter(({ from }) =>
      this.#space.containsIp(from),
    );
  }

  #failed(error: Error): void {
    const code = "code" in error ? error.code : null;
    const facts = { port: this.#config.broadcastPort, error: error.message };
    if (code === "EACCES" || code === "EPERM") this.#findings.fails("udp-permission", facts);
    else if (code === "EADDRINUSE") this.#findings.fails("udp-in-use", facts);
    else this.#findings.fails("udp-socket", facts);
  }
}

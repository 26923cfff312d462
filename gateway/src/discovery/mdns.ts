/**
 * Multicast DNS: each node announces itself as an instance of `mdns_service` on its own network, asks who else is
 * there, and says goodbye. Meant for development and single networks; nothing but the network is needed.
 */
import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import type { Timer } from "@bifrost/shared/domain/time";
import multicastDns, {
  type MulticastDNS,
  type QueryPacket,
  type ResponsePacket,
} from "multicast-dns";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import { isLoopback, joinAddress, splitAddress } from "./address.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings, MAX_NODES } from "./findings.ts";
import { Flapping } from "./flapping.ts";
import {
  addressesIn,
  type Advertised,
  type Heard,
  instanceOf,
  instancesIn,
  lower,
  type MdnsService,
  recordsOf,
} from "./mdns-records.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { Sightings } from "./sightings.ts";

export type MdnsConfig = Extract<DiscoveryConfig, { type: "mdns" }>;

const PORT = 5353;
const FIRST_QUESTION_MS = 1000;
/** Well below the life of what was heard. */
const LAST_QUESTION_MS = 30_000;
/** Of what was heard, whatever it says itself. */
const LONGEST_LIFE_MS = 3_600_000;
/** What browsers of services ask. */
const ALL_TYPES = "_services._dns-sd._udp.local";

interface OwnPlace extends Advertised {
  /** Address of the interface on which it is said and asked. */
  readonly interface: string;
}

/** An instance whose host's address is asked for. */
interface Unplaced {
  readonly instance: string;
  readonly port: number;
  readonly lifeMs: number;
}

export class MdnsDiscovery implements Discovery {
  readonly type = "mdns";
  readonly #basics: DiscoveryBasics;
  readonly #port: number;
  readonly #service: MdnsService;
  readonly #findings: Findings;
  readonly #sightings: Sightings<string>;
  readonly #losses: Flapping;
  /** By host. */
  readonly #unplaced = new Map<string, Unplaced>();
  #own: OwnPlace | null = null;
  #socket: MulticastDNS | null = null;
  #next: Timer | null = null;
  #questionMs = FIRST_QUESTION_MS;
  #isStopped = false;

  constructor(config: MdnsConfig, basics: DiscoveryBasics, port = PORT) {
    this.#basics = basics;
    this.#port = port;
    this.#service = { type: `${config.service}.local`, cluster: config.serviceName };
    this.#findings = new Findings(this.type, basics.log, basics.timers);
    this.#losses = new Flapping(basics.timers);
    this.#sightings = new Sightings(basics.timers, (addresses) => this.#findings.found(addresses));
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    this.#open();
    return this.#findings.first;
  }

  refresh(): void {
    this.#questionMs = FIRST_QUESTION_MS;
    if (this.#own !== null) this.#ask();
  }

  problem(): string | null {
    return this.#findings.problem;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#next?.cancel();
    this.#sightings.stop();
    this.#findings.end();
    const [socket, own] = [this.#socket, this.#own];
    this.#socket = null;
    if (socket === null) return;
    if (own !== null) {
      const goodbye = recordsOf(this.#service, own, 0);
      await new Promise<void>((resolve) => socket.respond(goodbye, () => resolve()));
    }
    await new Promise<void>((resolve) => socket.destroy(resolve));
  }

  #open(): void {
    const self = this.#findings.self;
    const own = advertised(self);
    if (own === null) return this.#failed(new Error("no interface has an IPv4 address"));
    const socket = multicastDns({
      port: this.#port,
      interface: own.interface,
      // Bound to the interface's own address, Linux would deliver no multicast packets.
      bind: "0.0.0.0",
    });
    this.#socket = socket;
    socket.on("error", (error) => this.#failed(error));
    // Packets of others that cannot be read are none of our troubles; what the system refuses is.
    socket.on("warning", (error) => {
      if ("syscall" in error) this.#findings.fails("mdns-socket", { error: error.message });
    });
    socket.on("networkInterface", () => this.#findings.works());
    socket.on("query", (query) => this.#answer(query));
    socket.on("response", (response) => this.#heard(response));
    socket.once("ready", () => {
      if (this.#isStopped) return;
      this.#own = own;
      this.#findings.works();
      this.#findings.found([]);
      socket.respond(recordsOf(this.#service, own));
      this.#ask();
    });
  }

  #failed(error: Error): void {
    this.#findings.fails("mdns-socket", { port: this.#port, error: error.message });
    this.#socket?.destroy();
    this.#socket = null;
    this.#own = null;
    this.#next?.cancel();
    if (!this.#isStopped) {
      this.#next = this.#basics.timers.after(FIRST_QUESTION_MS, () => this.#open());
    }
  }

  #ask(): void {
    this.#next?.cancel();
    this.#socket?.query(this.#service.type, "PTR");
    this.#next = this.#basics.timers.after(this.#questionMs, () => this.#ask());
    this.#questionMs = Math.min(this.#questionMs * 2, LAST_QUESTION_MS);
  }

  #answer({ questions = [] }: QueryPacket): void {
    if (this.#own === null) return;
    const { instance, host } = this.#own;
    const { type } = this.#service;
    const mine = new Set([type, `${instance}.${type}`, host].map(lower));
    if (questions.some(({ name }) => mine.has(lower(name)))) {
      this.#socket?.respond(recordsOf(this.#service, this.#own));
    } else if (questions.some(({ name }) => lower(name) === ALL_TYPES)) {
      this.#socket?.respond([{ name: ALL_TYPES, type: "PTR", ttl: 4500, data: type }]);
    }
  }

  #heard({ answers = [], additionals = [] }: ResponsePacket): void {
    if (this.#own === null || this.#isStopped) return;
    const records = [...answers, ...additionals];
    const addresses = addressesIn(records);
    for (const heard of instancesIn(records, this.#service)) this.#consider(heard, addresses);
    // Addresses that were asked for come by themselves.
    for (const [host, ip] of addresses) {
      const waiting = this.#unplaced.get(host);
      this.#unplaced.delete(host);
      if (waiting !== undefined) this.#seen(waiting, ip);
    }
  }

  #consider(heard: Heard, addresses: ReadonlyMap<string, string>): void {
    const { instance, place, ttlSeconds } = heard;
    const { cluster, type } = this.#service;
    const isOwn = lower(instance) === lower(this.#own?.instance ?? "");
    const isOthers = heard.cluster !== null && cluster !== "" && heard.cluster !== cluster;
    if (isOwn || isOthers || ttlSeconds === null) return;
    if (ttlSeconds === 0) this.#gone(instance);
    else if (place === null) this.#socket?.query(`${instance}.${type}`, "SRV");
    else
      this.#placed(
        { instance, port: place.port, lifeMs: ttlSeconds * 1000 },
        place.host,
        addresses,
      );
  }

  #placed(found: Unplaced, host: string, addresses: ReadonlyMap<string, string>): void {
    const ip = addresses.get(lower(host));
    if (ip !== undefined) return this.#seen(found, ip);
    // Not every responder adds the address.
    if (this.#unplaced.size >= MAX_NODES) this.#unplaced.clear();
    this.#unplaced.set(lower(host), found);
    this.#socket?.query(host, "A");
  }

  #seen({ instance, port, lifeMs }: Unplaced, ip: string): void {
    if (isUsable(ip, this.#own?.interface ?? "")) {
      this.#sightings.seen(
        lower(instance),
        joinAddress(ip, port),
        Math.min(lifeMs, LONGEST_LIFE_MS),
      );
    } else {
      this.#findings.note("mdns-invalid-host", { address: ip, node: instance.slice(0, 64) });
    }
  }

  #gone(instance: string): void {
    if (!this.#sightings.gone(lower(instance))) return;
    if (this.#losses.happened(instance)) this.#findings.note("mdns-flapping", { node: instance });
  }
}

/** Loopback addresses mean another machine's own self, except to a node that is itself on loopback: in development. */
export function isUsable(ip: string, own: string): boolean {
  if (!isIPv4(ip) || /\.(?:0|255)$/.test(ip)) return false;
  return !isLoopback(ip) || isLoopback(own);
}

/** What a node says of itself, and the interface on which; null = there is none. */
function advertised({ nodeId, address }: DiscoverySelf): OwnPlace | null {
  const place = splitAddress(address);
  if (place === null) return null;
  const infos = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  const ipv4 = infos.filter(({ family }) => family === "IPv4");
  const isLocal = isLoopback(place.host);
  const best =
    ipv4.find((info) => info.address === place.host) ??
    ipv4.find(({ internal }) => internal === isLocal);
  if (best === undefined) return null;
  const instance = instanceOf(nodeId);
  return {
    instance,
    host: `${instance}.local`,
    port: place.port,
    ip: isIPv4(place.host) ? place.host : best.address,
    interface: best.address,
  };
}

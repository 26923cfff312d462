/** A network inside one process, with the ways a real one fails; time is its Timers'. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Address } from "./member.ts";
import { noAnswer } from "./mesh/outgoing-stream.ts";
import { refuseTooLarge } from "./request-size.ts";
import { TransportCount } from "./transport-count.ts";
import type { CheckResult, Transport, TransportCounters, TransportHandlers } from "./transport.ts";

/** One way, everywhere. */
const DELAY_MS = 1;
const MAX_PACKET_BYTES = 1400;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

type Condition = "runs" | "frozen" | "gone";

export class MemoryNetwork {
  readonly timers: Timers;
  readonly #nodes = new Map<Address, { condition: Condition; handlers: TransportHandlers }>();
  readonly #links = new Map<Address, Set<Address>>();
  readonly #cuts = new Set<string>();

  constructor(timers: Timers) {
    this.timers = timers;
  }

  transport(address: Address): Transport {
    return new MemoryTransport(address, this);
  }

  /** Its process ends; its host goes on. */
  crash(address: Address): void {
    this.#nodes.delete(address);
    this.#links.delete(address);
    for (const [other, linked] of this.#links) {
      if (linked.has(address)) this.#tellRefused(other, address);
    }
  }

  /** Its host accepts and buffers, its process does nothing. */
  freeze(address: Address): void {
    this.#set(address, "frozen");
  }

  thaw(address: Address): void {
    this.#set(address, "runs");
  }

  /** It falls silent with its host. */
  lose(address: Address): void {
    this.#set(address, "gone");
  }

  /** Nothing gets from one to the other any more, until healed; the way back stays as it is. */
  cut(from: Address, to: Address): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from: Address, to: Address): void {
    this.#cuts.delete(`${from}>${to}`);
  }

  /** @internal */
  enter(address: Address, handlers: TransportHandlers): void {
    this.#nodes.set(address, { condition: "runs", handlers });
  }

  /** @internal */
  link(from: Address, addresses: readonly Address[]): void {
    this.#links.set(from, new Set(addresses));
  }

  /** @internal What a call from one to the other comes to. */
  reach(from: Address, to: Address): CheckResult {
    const isCut = this.#cuts.has(`${from}>${to}`) || this.#cuts.has(`${to}>${from}`);
    const node = this.#nodes.get(to);
    if (isCut || node?.condition === "gone" || this.#nodes.get(from)?.condition === "gone") {
      return "unreachable";
    }
    if (node === undefined) return "refused";
    return node.condition === "frozen" ? "stalled" : "answered";
  }

  /** @internal Handlers of a node that a packet gets to. */
  receiver(from: Address, to: Address): TransportHandlers | null {
    const node = this.#nodes.get(to);
    const isCut = this.#cuts.has(`${from}>${to}`);
    return isCut || node?.condition !== "runs" ? null : node.handlers;
  }

  #set(address: Address, condition: Condition): void {
    const node = this.#nodes.get(address);
    if (node !== undefined) node.condition = condition;
  }

  #tellRefused(to: Address, gone: Address): void {
    this.timers.after(DELAY_MS, () => {
      if (this.reach(to, gone) === "refused") this.receiver(to, to)?.onRefused(gone);
    });
  }
}

class MemoryTransport implements Transport {
  readonly localAddress: Address;
  readonly maxPacketBytes = MAX_PACKET_BYTES;
  readonly maxRequestBytes = MAX_REQUEST_BYTES;
  readonly #network: MemoryNetwork;
  readonly #count = new TransportCount();
  #handlers: TransportHandlers | null = null;

  constructor(address: Address, network: MemoryNetwork) {
    this.localAddress = address;
    this.#network = network;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    const onPacket = (from: Address, packet: Uint8Array) => {
      this.#count.receivedPacket(packet.length);
      handlers.onPacket(from, packet);
    };
    this.#handlers = { ...bound(handlers), onPacket };
    this.#network.enter(this.localAddress, this.#handlers);
  }

  send(to: Address, packet: Uint8Array): void {
    if (this.#handlers === null) return;
    if (packet.length > MAX_PACKET_BYTES) return this.#count.refuse("too-large");
    this.#count.sentPacket(packet.length);
    const copy = Uint8Array.from(packet);
    this.#network.timers.after(DELAY_MS, () => {
      this.#network.receiver(this.localAddress, to)?.onPacket(this.localAddress, copy);
    });
    return undefined;
  }

  async request(to: Address, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    refuseTooLarge(body, MAX_REQUEST_BYTES);
    const { timers } = this.#network;
    const handlers = this.#network.receiver(this.localAddress, to);
    if (this.#network.reach(this.localAddress, to) === "refused") {
      throw noAnswer(to, "nothing listens there");
    }
    const late = timers.sleep(timeoutMs).then(() => null);
    const answer =
      handlers === null
        ? await late
        : await Promise.race([late, this.#ask(handlers, Uint8Array.from(body), to)]);
    const isBack = this.#network.receiver(to, this.localAddress) !== null;
    if (answer === null || !isBack) throw noAnswer(to, `no answer within ${timeoutMs} ms`);
    return answer;
  }

  async check(address: Address, timeoutMs: number): Promise<CheckResult> {
    const result = this.#network.reach(this.localAddress, address);
    const isSilent = result === "unreachable" || result === "stalled";
    await this.#network.timers.sleep(isSilent ? timeoutMs : DELAY_MS);
    return result;
  }

  link(addresses: readonly Address[]): void {
    this.#network.link(this.localAddress, addresses);
  }

  counters(): TransportCounters {
    return this.#count.read();
  }

  async stop(): Promise<void> {
    if (this.#handlers === null) return;
    this.#handlers = null;
    this.#network.crash(this.localAddress);
  }

  async #ask(handlers: TransportHandlers, body: Uint8Array, to: Address): Promise<Uint8Array> {
    await this.#network.timers.sleep(DELAY_MS);
    try {
      return await handlers.onRequest(this.localAddress, body);
    } catch {
      throw noAnswer(to, "it failed to answer; its log says why");
    }
  }
}

function bound(handlers: TransportHandlers): TransportHandlers {
  return {
    onPacket: (from, packet) => handlers.onPacket(from, packet),
    onRequest: (from, body) => handlers.onRequest(from, body),
    onRefused: (address) => handlers.onRefused(address),
    onDoubt: (address) => handlers.onDoubt(address),
  };
}

/**
 * The mesh: UDP and TCP on one port. Packets go as datagrams, requests over streams; streams carry the packets too where
 * datagrams are blocked.
 */
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Keyring } from "./keyring.ts";
import type { Address } from "./member.ts";
import { Datagrams } from "./mesh/datagrams.ts";
import { dial, type Dialled } from "./mesh/dial.ts";
import { explainEnd } from "./mesh/explain-end.ts";
import { FRAME, MAX_FRAME_BYTES } from "./mesh/frame.ts";
import { advertisedHost, formatHostPort, isLoopback, parseHostPort } from "./mesh/host-port.ts";
import { Names } from "./mesh/names.ts";
import { noAnswer, type StreamOptions, type StreamTls } from "./mesh/outgoing-stream.ts";
import { plainPackets, SealedPackets, type PacketGuard } from "./mesh/packet-guard.ts";
import { Paths } from "./mesh/paths.ts";
import { StreamPool } from "./mesh/stream-pool.ts";
import { StreamServer } from "./mesh/stream-server.ts";
import { refuseTooLarge } from "./request-size.ts";
import { TransportCount } from "./transport-count.ts";
import type { CheckResult, Transport, TransportCounters, TransportHandlers } from "./transport.ts";

const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_STRANGE = 1024;
/** For a stream to show that it answers, when datagrams do not. */
const DETOUR_TIMEOUT_MS = 1_000;
/** With port 0: how many free TCP ports are tried for one that is free for UDP as well. */
const MAX_PORTS_TRIED = 20;

export interface UdpTransportOptions {
  /** An IP address. */
  readonly bindAddress: string;
  /** 0 = a free one. */
  readonly port: number;
  /** What the others are told; null = made from the two above. */
  readonly advertise: Address | null;
  /** Nodes of another label are strangers, even with the same keys. */
  readonly label: string;
  /** null = nothing is sealed, which only loopback may. */
  readonly keyring: Keyring | null;
  /** PEM; null = streams are sealed by the keyring alone. */
  readonly tls: StreamTls | null;
  /** Whose clock never jumps. */
  readonly timers: Timers;
  readonly logger: Logger;
}

interface Running {
  readonly datagrams: Datagrams;
  readonly server: StreamServer;
  readonly pool: StreamPool;
  readonly paths: Paths;
}

export class UdpTransport implements Transport {
  readonly maxPacketBytes: number;
  readonly maxRequestBytes = MAX_REQUEST_BYTES;
  readonly #options: UdpTransportOptions;
  readonly #guard: PacketGuard;
  readonly #count = new TransportCount();
  readonly #names: Names;
  readonly #streamOptions: StreamOptions;
  /** Addresses at which something other than a node of this cluster answered: said once until one does. */
  readonly #strange = new Map<Address, string>();
  #running: Running | null = null;
  #localAddress: Address | null = null;

  constructor(options: UdpTransportOptions) {
    this.#options = options;
    const { keyring, label, tls, timers } = options;
    this.#guard = keyring === null ? plainPackets(label) : new SealedPackets(keyring, label);
    this.maxPacketBytes = MAX_FRAME_BYTES - this.#guard.overhead;
    this.#names = new Names(() => timers.now());
    this.#streamOptions = {
      security: { label, keyring },
      tls,
      maxBodyBytes: MAX_REQUEST_BYTES,
      count: this.#count,
      timers,
      localAddress: () => this.localAddress,
    };
  }

  get localAddress(): Address {
    if (this.#localAddress === null) throw new Error("a transport has its address once it started");
    return this.#localAddress;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    const { bindAddress, keyring, port } = this.#options;
    if (keyring === null && !isLoopback(bindAddress)) {
      throw new BifrostError(
        "invalid-environment",
        `gossip without keys is allowed on loopback only, and this node listens at ${bindAddress}; ` +
          "set BIFROST_GOSSIP_KEYS to the same keys at every node, or cluster_config.bind_address to 127.0.0.1",
        { bindAddress },
      );
    }
    const { advertise } = this.#options;
    if (advertise !== null && parseHostPort(advertise) === null) {
      throw new BifrostError(
        "invalid-environment",
        `"${advertise}" is not an address that other nodes could reach; set cluster_config.advertise to host:port, such as 10.0.0.1:10101`,
        { advertise },
      );
    }
    this.#running = await this.#listen(handlers, port, MAX_PORTS_TRIED);
    keyring?.onRemoved((id) => {
      this.#running?.pool.endStreamsOf(id);
      this.#running?.server.endStreamsOf(id);
    });
  }

  send(to: Address, packet: Uint8Array): void {
    const target = parseHostPort(to);
    const { paths } = this.#running ?? {};
    if (target === null || paths === undefined) return this.#count.refuse("no-path");
    if (packet.length > this.maxPacketBytes) return this.#count.refuse("too-large");
    this.#names.resolve(target.host, (ip) => {
      if (ip === null) this.#count.refuse("no-path");
      else paths.send(formatHostPort(ip, target.port), packet);
    });
    return undefined;
  }

  async request(to: Address, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { timers } = this.#options;
    refuseTooLarge(body, MAX_REQUEST_BYTES);
    const deadline = timers.now() + timeoutMs;
    const dialled = await this.#runningNow(to).pool.get(to, timeoutMs);
    this.#notice(to, dialled);
    if (!("stream" in dialled)) throw noAnswer(to, explainEnd(dialled.end));
    return dialled.stream.request(body, Math.max(1, deadline - timers.now()));
  }

  async check(address: Address, timeoutMs: number): Promise<CheckResult> {
    const dialled = await dial(address, timeoutMs, this.#streamOptions);
    this.#notice(address, dialled);
    if (!("stream" in dialled)) return dialled.evidence;
    dialled.stream.close();
    return "answered";
  }

  link(addresses: readonly Address[]): void {
    this.#running?.pool.link(addresses);
  }

  counters(): TransportCounters {
    return this.#count.read();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    running.paths.close();
    running.pool.close();
    await Promise.all([running.datagrams.close(), running.server.close()]);
  }

  #runningNow(to: Address): Running {
    if (this.#running === null) throw noAnswer(to, "this node's transport is stopped");
    return this.#running;
  }

  async #listen(handlers: TransportHandlers, port: number, tries: number): Promise<Running> {
    const { bindAddress, advertise, tls, timers } = this.#options;
    const { security } = this.#streamOptions;
    const count = this.#count;
    const server = new StreamServer({
      security,
      tls,
      count,
      timers,
      handlers,
      maxBodyBytes: MAX_REQUEST_BYTES,
    });
    const paths = this.#makePaths((to, frame) => datagrams.send(to, frame));
    const datagrams = new Datagrams(bindAddress, count, (from, frame) => {
      const opened = this.#guard.open(frame);
      if (typeof opened === "string") {
        count.refuse(opened);
        if (opened === "not-opened") paths.onNotOpened(from, frame.length);
        return;
      }
      paths.onOpened(from, opened);
      if (opened.kind === FRAME.data) handlers.onPacket(from, opened.payload);
    });
    const listening = await server
      .listen(bindAddress, port)
      .catch(explainBusy(bindAddress, port, "TCP"));
    try {
      await datagrams.bind(bindAddress, listening);
    } catch (error) {
      await server.close();
      if (port === 0 && tries > 1) return this.#listen(handlers, port, tries - 1);
      return explainBusy(bindAddress, listening, "UDP")(error);
    }
    const pool = new StreamPool(this.#streamOptions, handlers);
    this.#localAddress = advertise ?? formatHostPort(advertisedHost(bindAddress), listening);
    return { datagrams, server, pool, paths };
  }

  #makePaths(sendDatagram: (to: Address, frame: Buffer) => void): Paths {
    const { timers, logger } = this.#options;
    return new Paths({
      guard: this.#guard,
      timers,
      count: this.#count,
      sendDatagram,
      streamAnswers: async (to) => {
        const dialled = await this.#running?.pool.get(to, DETOUR_TIMEOUT_MS);
        if (dialled === undefined || !("stream" in dialled)) return false;
        return dialled.stream.ping(DETOUR_TIMEOUT_MS);
      },
      sendByStream: (to, packet) => this.#running?.pool.ready(to)?.sendPacket(packet) ?? false,
      onDetour: (address, isDetour) => {
        if (!isDetour) return logger.info("a node answers over UDP again", { address });
        return logger.warn("a node answers over TCP but not over UDP, packets go over TCP", {
          address,
          remedy: "allow UDP on the gossip port in both directions",
        });
      },
    });
  }

  /** Says once what stands at an address where a node was expected. */
  #notice(address: Address, dialled: Dialled): void {
    if ("stream" in dialled) return void this.#strange.delete(address);
    const { end } = dialled;
    if (end === "refused" || end === "silent" || end === "reset") return undefined;
    if (this.#strange.get(address) === end) return undefined;
    if (this.#strange.size >= MAX_STRANGE) this.#strange.clear();
    this.#strange.set(address, end);
    this.#options.logger.warn("what answers is not a node of this cluster", {
      address,
      cause: explainEnd(end),
    });
    return undefined;
  }
}

function explainBusy(host: string, port: number, protocol: "TCP" | "UDP") {
  return (error: unknown): never => {
    const code = (error as NodeJS.ErrnoException).code;
    const remedy =
      code === "EADDRINUSE"
        ? "another program has it; set cluster_config.gossip.port to a free one"
        : "see cluster_config.bind_address and cluster_config.gossip.port";
    throw new BifrostError(
      code === "EADDRINUSE" ? "port-taken" : "invalid-environment",
      `gossip cannot listen at ${protocol} ${formatHostPort(host, port)} (${messageOf(error)}): ${remedy}`,
      { host, port, protocol },
    );
  };
}

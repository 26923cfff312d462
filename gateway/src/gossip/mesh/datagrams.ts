/** The UDP socket of a node. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv4, isIPv6 } from "node:net";
import type { Address } from "../member.ts";
import type { TransportCount } from "../transport-count.ts";
import { MAX_FRAME_BYTES } from "./frame.ts";
import { formatHostPort, parseHostPort } from "./host-port.ts";

/** A burst of a large cluster waits in the kernel while this process does something else. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export class Datagrams {
  readonly #socket: Socket;
  readonly #isVersion6: boolean;
  readonly #count: TransportCount;
  #isOpen = false;

  constructor(
    bindAddress: string,
    count: TransportCount,
    onFrame: (from: Address, frame: Buffer) => void,
  ) {
    this.#isVersion6 = isIPv6(bindAddress);
    this.#count = count;
    const family = this.#isVersion6 ? 6 : 4;
    this.#socket = createSocket({
      type: this.#isVersion6 ? "udp6" : "udp4",
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      // Only addresses come here; names are resolved before.
      lookup: (host, _options, done) => done(null, host, family),
    });
    this.#socket.on("message", (frame, { address, port }) => {
      count.receivedPacket(frame.length);
      if (frame.length > MAX_FRAME_BYTES) return count.refuse("too-large");
      return onFrame(formatHostPort(address, port), frame);
    });
  }

  bind(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once("error", reject);
      this.#socket.bind({ address: host, port, exclusive: true }, () => {
        this.#socket.removeListener("error", reject);
        this.#socket.on("error", () => this.#count.refuse("no-path"));
        this.#isOpen = true;
        resolve();
      });
    });
  }

  /** `to`: an IP address and a port. */
  send(to: Address, frame: Buffer): void {
    const target = parseHostPort(to);
    if (target === null || !this.#isOpen) return this.#count.refuse("no-path");
    const host = this.#isVersion6 && isIPv4(target.host) ? `::ffff:${target.host}` : target.host;
    this.#count.sentPacket(frame.length);
    this.#socket.send(frame, target.port, host, (error) => {
      if (error !== null) this.#count.refuse("no-path");
    });
    return undefined;
  }

  close(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#isOpen = false;
    return new Promise((resolve) => void this.#socket.close(() => resolve()));
  }
}

/** Stands between two nodes, on one port for UDP and TCP, and does to datagrams what a network may. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Address } from "../member.ts";
import { formatHostPort, parseHostPort } from "../mesh/host-port.ts";

const HOST = "127.0.0.1";

export class Relay {
  /** Of datagrams: whether they are passed on. */
  passesUdp = true;
  /** Datagrams from the one who calls to the target, as they came. */
  readonly frames: Buffer[] = [];
  readonly #targetPort: number;
  readonly #udp: UdpSocket = createSocket("udp4");
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #caller: RemoteInfo | null = null;

  private constructor(target: Address) {
    this.#targetPort = parseHostPort(target)?.port ?? 0;
    this.#server = createServer((socket) => {
      const onward = connect({ host: HOST, port: this.#targetPort, noDelay: true });
      for (const [from, to] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on("error", () => {});
        from.once("close", () => to.destroy());
        from.pipe(to);
      }
    });
    this.#udp.on("message", (frame, sender) => this.#pass(frame, sender));
  }

  static async to(target: Address): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((resolve) => void relay.#server.listen(0, HOST, resolve));
    await new Promise<void>((resolve) => void relay.#udp.bind(relay.#port, HOST, resolve));
    return relay;
  }

  get address(): Address {
    return formatHostPort(HOST, this.#port);
  }

  /** From the address of the relay, to the target. */
  inject(frame: Buffer): void {
    this.#udp.send(frame, this.#targetPort, HOST);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#udp.close(resolve));
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #pass(frame: Buffer, sender: RemoteInfo): void {
    if (sender.port === this.#targetPort) {
      if (this.#caller !== null && this.passesUdp) this.#udp.send(frame, this.#caller.port, HOST);
      return;
    }
    this.#caller = sender;
    this.frames.push(frame);
    if (this.passesUdp) this.inject(frame);
  }
}

/** Nodes of a mesh in one process, on loopback, for the contract suite. */
import { createServer, type AddressInfo, type Server } from "node:net";
import { steadyTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { formatHostPort, parseHostPort } from "../mesh/host-port.ts";
import type { TransportWorld } from "../transport.contract.ts";
import { UdpTransport, type UdpTransportOptions } from "../udp-transport.ts";

export type UdpParts = Partial<UdpTransportOptions>;

export function udpTransport(parts: UdpParts = {}): UdpTransport {
  return new UdpTransport({
    bindAddress: "127.0.0.1",
    port: 0,
    advertise: null,
    label: "test",
    keyring: null,
    tls: null,
    timers: steadyTimers,
    logger: silentLogger,
    ...parts,
  });
}

/** `parts` is asked anew for each node: a keyring belongs to one. */
export async function udpWorld(parts: () => UdpParts = () => ({})): Promise<TransportWorld> {
  const frozen: Server[] = [];
  return {
    transport: async () => udpTransport(parts()),
    transportAt: async (address) => {
      const port = parseHostPort(address)?.port ?? 0;
      return udpTransport({ ...parts(), port });
    },
    crash: (transport) => transport.stop(),
    async frozenAddress() {
      // Accepted and buffered by the kernel; nobody ever reads.
      const server = createServer({ pauseOnConnect: true }, (socket) => {
        socket.on("error", () => {});
        server.once("close", () => socket.destroy());
      });
      frozen.push(server);
      return formatHostPort("127.0.0.1", await listen(server));
    },
    async freeAddress() {
      const server = createServer();
      const port = await listen(server);
      await new Promise((resolve) => server.close(resolve));
      return formatHostPort("127.0.0.1", port);
    },
    async close() {
      for (const server of frozen) server.emit("close");
      await Promise.all(frozen.map((server) => new Promise((done) => void server.close(done))));
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

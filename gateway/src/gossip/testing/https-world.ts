/** Nodes over HTTP in one process, on loopback, for the contract suite. */
import { steadyTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { HttpsTransport, type HttpsTransportOptions } from "../https-transport.ts";
import type { TransportWorld } from "../transport.contract.ts";
import { udpWorld } from "./udp-world.ts";

export type HttpsParts = Partial<HttpsTransportOptions>;

export function httpsTransport(parts: HttpsParts = {}): HttpsTransport {
  return new HttpsTransport({
    bindAddress: "127.0.0.1",
    port: 0,
    advertise: null,
    label: "test",
    auth: null,
    tls: null,
    ca: null,
    timers: steadyTimers,
    logger: silentLogger,
    ...parts,
  });
}

export async function httpsWorld(parts: () => HttpsParts = () => ({})): Promise<TransportWorld> {
  const scheme = (parts().tls ?? null) === null ? "http" : "https";
  // Ports are ports: what is frozen or free is so for every protocol.
  const tcp = await udpWorld();
  return {
    transport: async () => httpsTransport(parts()),
    transportAt: async (address) =>
      httpsTransport({ ...parts(), port: Number(new URL(address).port) }),
    crash: (transport) => transport.stop(),
    frozenAddress: async () => `${scheme}://${await tcp.frozenAddress()}`,
    freeAddress: async () => `${scheme}://${await tcp.freeAddress()}`,
    close: () => tcp.close(),
  };
}

import { randomBytes } from "node:crypto";
import { systemTimers } from "@bifrost/shared/domain/time";
import { Keyring } from "./keyring.ts";
import { MemoryNetwork } from "./memory-transport.ts";
import { httpsWorld } from "./testing/https-world.ts";
import { udpWorld } from "./testing/udp-world.ts";
import { transportSuite, type TransportWorld } from "./transport.contract.ts";

async function memoryWorld(): Promise<TransportWorld> {
  const network = new MemoryNetwork(systemTimers);
  let last = 0;
  const nextAddress = () => `10.0.0.${++last}:10101`;
  return {
    transport: async () => network.transport(nextAddress()),
    transportAt: async (address) => network.transport(address),
    crash: (transport) => transport.stop(),
    async frozenAddress() {
      const address = nextAddress();
      await network.transport(address).start({
        onPacket() {},
        onRequest: async () => new Uint8Array(),
        onRefused() {},
        onDoubt() {},
      });
      network.freeze(address);
      return address;
    },
    freeAddress: async () => nextAddress(),
    close: async () => {},
  };
}

const KEY = randomBytes(32);

transportSuite("in memory", memoryWorld);
transportSuite("UDP and TCP, not sealed", () => udpWorld());
transportSuite("UDP and TCP, sealed", () =>
  udpWorld(() => ({ keyring: new Keyring([{ id: 7, key: KEY }]) })),
);
transportSuite("HTTP, tokens and TLS left out", () => httpsWorld());

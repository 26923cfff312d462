/** Where each gateway of this platform answers. The first one has the base port; the others come after all programs. */
import type { Addresses } from "./addresses.ts";

export interface GatewayPorts {
  /** Of its program, its logs and its file in the home folder. */
  readonly name: string;
  readonly nodeId: string;
  readonly traffic: number;
  readonly control: number;
  /** TCP and UDP. */
  readonly gossip: number;
}

/** Gossip of the default base port, 8080, is at 10101, 10102, … */
const GOSSIP_OFFSET = 2021;
const FIRST_OFFSET = 15;
const PORTS_EACH = 2;

export const MOST_GATEWAYS = 9;
/** So that gossip of the last gateway still has a port. */
export const LAST_BASE_PORT_OF_CLUSTER = 65_535 - GOSSIP_OFFSET - MOST_GATEWAYS;

export function gatewaysFrom(addresses: Addresses, count: number): readonly GatewayPorts[] {
  const { gateway: base, control } = addresses;
  return Array.from({ length: count }, (_, index) => {
    const node = { nodeId: `gateway-${index + 1}`, gossip: base + GOSSIP_OFFSET + index };
    if (index === 0) return { ...node, name: "gateway", traffic: base, control };
    const traffic = base + FIRST_OFFSET + PORTS_EACH * (index - 1);
    return { ...node, name: node.nodeId, traffic, control: traffic + 1 };
  });
}

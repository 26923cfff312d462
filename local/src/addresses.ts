/** Which program answers where on 127.0.0.1. Fixed, because git remotes, manifests and images name them. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { GatewayPorts } from "./gateways.ts";

/** Distance of each program from the base port; the apps' own port comes first. */
const OFFSETS = {
  gateway: 0,
  functions: 1,
  git: 2,
  control: 3,
  registry: 4,
  firestore: 5,
  identity: 6,
  iam: 7,
  pubsub: 8,
  workflows: 9,
  storage: 10,
  logging: 11,
  scheduler: 12,
  cloudBuild: 13,
  kubernetes: 14,
} as const;

export type Program = keyof typeof OFFSETS;
export type Addresses = Readonly<Record<Program, number>>;

export const DEFAULT_BASE_PORT = 8080;

export function addressesFrom(basePort: number): Addresses {
  const entries = Object.entries(OFFSETS).map(([name, offset]) => [name, basePort + offset]);
  return Object.fromEntries(entries) as Addresses;
}

/** Throws `port-taken`, naming every taken port at once. */
export async function assertFree(
  addresses: Addresses,
  gateways: readonly GatewayPorts[],
): Promise<void> {
  const [, ...others] = gateways;
  const checks = [
    ...Object.entries(addresses).map(([program, port]) => takenPort(port, program)),
    ...others.flatMap(({ name, traffic, control }) => [
      takenPort(traffic, name),
      takenPort(control, `control of ${name}`),
    ]),
    // One gateway does not gossip.
    ...(others.length === 0 ? [] : gateways).flatMap(({ name, gossip }) => [
      takenPort(gossip, `gossip of ${name}`),
      takenPort(gossip, `gossip of ${name}, UDP`, isUdpFree),
    ]),
  ];
  const taken = (await Promise.all(checks)).flat();
  if (taken.length === 0) return;
  throw new BifrostError(
    "port-taken",
    `another program uses port ${taken.join(", ")}; stop it, or choose other ports: npm start -- --port 9080`,
    { taken },
  );
}

async function takenPort(port: number, whose: string, isIt = isFree): Promise<readonly string[]> {
  return (await isIt(port)) ? [] : [`${port} (${whose})`];
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createSocket("udp4");
    probe.once("error", () => resolve(false));
    probe.bind(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

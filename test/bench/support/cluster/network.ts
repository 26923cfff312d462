/** Nodes with a network namespace each, on one bridge, so that a host can be lost and the network cut in two. Needs root. */
import { spawnSync } from "node:child_process";
import type { Place } from "./place.ts";

/** The kernel takes namespaces down in its own time, so no two networks of one run share a name. */
let made = 0;

export function lacksNamespaces(): string | null {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  for (const [program, ...args] of [
    ["ip", "netns"],
    ["nft", "list", "tables"],
  ] as const) {
    if (spawnSync(program, args).status !== 0) return `${program} is missing or may not be used`;
  }
  return null;
}

export interface Network {
  readonly places: readonly Place[];
  /** The link of this host goes down, as when it loses power. */
  lose(index: number): void;
  /** Nothing passes between the first `count` hosts and the others. */
  cut(count: number): void;
  heal(): void;
  remove(): void;
}

export function makeNetwork(size: number): Network {
  // Names of devices have 15 letters at most.
  const tag = `b${process.pid % 100_000}x${made++}`;
  const bridge = `${tag}br`;
  const veth = (index: number) => `${tag}v${index}`;
  const namespace = (index: number) => `${tag}n${index}`;
  const places = Array.from({ length: size }, (_, index): Place => ({
    address: `10.77.${Math.floor(index / 250)}.${(index % 250) + 1}`,
    namespace: namespace(index),
  }));
  const network: Network = {
    places,
    lose: (index) => ip("link", "set", veth(index), "down"),
    cut(count) {
      const one = places.slice(0, count).map((_, index) => `"${veth(index)}"`);
      const other = places.slice(count).map((_, index) => `"${veth(count + index)}"`);
      nft(`table bridge ${tag} {
        chain cut {
          type filter hook forward priority 0; policy accept;
          iifname { ${one.join(", ")} } oifname { ${other.join(", ")} } drop
          iifname { ${other.join(", ")} } oifname { ${one.join(", ")} } drop
        }
      }`);
    },
    heal: () => void spawnSync("nft", ["delete", "table", "bridge", tag]),
    remove() {
      network.heal();
      for (const { namespace: name } of places) spawnSync("ip", ["netns", "del", name ?? ""]);
      spawnSync("ip", ["link", "del", bridge]);
    },
  };
  try {
    ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0");
    ip("link", "set", bridge, "up");
    for (const [index, { address, namespace: name = "" }] of places.entries()) {
      const inside = name ?? "";
      ip("netns", "add", inside);
      ip("link", "add", veth(index), "type", "veth", "peer", "name", "eth0", "netns", inside);
      ip("link", "set", veth(index), "master", bridge, "up");
      ip("-n", inside, "link", "set", "lo", "up");
      ip("-n", inside, "addr", "add", `${address}/16`, "dev", "eth0");
      ip("-n", inside, "link", "set", "eth0", "up");
    }
  } catch (error) {
    network.remove();
    throw error;
  }
  return network;
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args);
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.toString().trim()}`);
}

function nft(rules: string): void {
  const { status, stderr } = spawnSync("nft", ["-f", "-"], { input: rules });
  if (status !== 0) throw new Error(`nft: ${stderr.toString().trim()}`);
}

/** A node that does nothing but look for others: a program of its own, so that it can be put into any network. */
import { systemTimers } from "@bifrost/shared/domain/time";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import { makeDiscoveries } from "../discovery/make-discovery.ts";
import type { Address } from "../gossip/member.ts";
import { keptLog } from "./logged.ts";

export interface DiscoveringNode {
  readonly id: string;
  readonly address: Address;
  readonly discoveries: readonly DiscoveryConfig[];
}

/** One line of JSON each. */
export type DiscoveringNodeLine =
  | { readonly kind: "found"; readonly addresses: readonly Address[] }
  | { readonly kind: "stopped" };

function say(line: DiscoveringNodeLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function absent(): never {
  throw new Error("this program knows neither Kubernetes nor Firestore");
}

const { id, address, discoveries } = JSON.parse(process.argv[2] ?? "") as DiscoveringNode;
const several = await makeDiscoveries(
  { peers: [], discoveries },
  {
    timers: systemTimers,
    log: keptLog().log,
    random: Math.random,
    secrets: { consulToken: null, etcdCredentials: null },
    pods: absent,
    rendezvous: absent,
  },
);
await several.start(
  { nodeId: id, address },
  { onFound: (addresses) => say({ kind: "found", addresses }) },
);
process.stdin.resume();
process.stdin.once("end", () => {
  void several.stop().then(() => {
    say({ kind: "stopped" });
    process.exit(0);
  });
});

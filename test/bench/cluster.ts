/**
 * The gossip cluster beside Serf (memberlist inside) as Debian has it: real processes, an address each, rounds of both
 * interleaved. "Last" is when every survivor knows. A host is lost by taking its link down, in network namespaces.
 */
import type { BenchOptions, BenchResult, Row } from "./support/bench.ts";
import { bundledBifrost } from "./support/cluster/bifrost.ts";
import { calm } from "./support/cluster/calm.ts";
import { changes } from "./support/cluster/changes.ts";
import type { Contender } from "./support/cluster/contender.ts";
import { crashes, PLANS, QUICK_PLANS } from "./support/cluster/crashes.ts";
import { gossipProcess } from "./support/cluster/gossip-process.ts";
import { hosts, partition, stalls } from "./support/cluster/losses.ts";
import { lacksNamespaces } from "./support/cluster/network.ts";
import { serf } from "./support/cluster/serf.ts";

export const name = "the gossip cluster beside Serf";

const HOST_SIZES = [3, 5, 10];

export async function run({ isQuick }: BenchOptions): Promise<BenchResult> {
  const core = await bundledBifrost();
  const peers = [serf].filter(isHere);
  const contenders = [core, ...peers];
  const rows: Row[] = [];
  for (const plan of isQuick ? QUICK_PLANS : PLANS) rows.push(...(await crashes(plan, contenders)));
  rows.push(...(await stalls(contenders, isQuick)));
  rows.push(...(await calm([core, gossipProcess, ...peers], serf, isQuick)));
  rows.push(...(await changes(peers, isQuick)));
  const missing = lacksNamespaces();
  if (missing !== null) process.stderr.write(`hosts are not lost and nothing is cut: ${missing}\n`);
  else {
    for (const size of isQuick ? [5] : HOST_SIZES)
      rows.push(...(await hosts(size, contenders, isQuick)));
    rows.push(...(await partition(contenders, isQuick)));
  }
  return { rows };
}

/** Says why one is left out. */
function isHere(contender: Contender): boolean {
  const missing = contender.lacks();
  if (missing !== null) process.stderr.write(`${contender.name} is left out: ${missing}\n`);
  return missing === null;
}

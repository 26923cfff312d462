/** Ten nodes to which nothing happens: what each sends, and what it costs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Row } from "../bench.ts";
import { cpuMsOf, memoryOf } from "../process-cost.ts";
import type { Contender, RunningNode } from "./contender.ts";
import { idleHeapBytes } from "./heap.ts";
import { loopbackPlaces } from "./place.ts";
import { round2 } from "./samples.ts";
import { withCluster } from "./scenario.ts";

const SETTLE_MS = 10_000;
const IDLE_MS = 45_000;
const QUICK_IDLE_MS = 25_000;
const MEBIBYTE = 1024 ** 2;
const REACH = { bytes: 1.1, heapMiB: 5 };

/** `peer` is measured first: its bytes are the measure of the others'. */
export async function calm(
  contenders: readonly Contender[],
  peer: Contender,
  isQuick: boolean,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let peerBytes: number | null = null;
  const others = contenders.filter((one) => one !== peer);
  for (const contender of contenders.includes(peer) ? [peer, ...others] : others) {
    await withCluster(contender, loopbackPlaces(10), async ({ nodes }) => {
      await sleep(SETTLE_MS);
      const node = nodes[5];
      if (node === undefined) return;
      const label = `${contender.name}, N=10, idle`;
      const found = await costOf(node, label, isQuick ? QUICK_IDLE_MS : IDLE_MS);
      rows.push(...found.rows);
      if (contender === peer) peerBytes = found.bytesPerSecond;
      else if (peerBytes !== null) {
        const value = round2(found.bytesPerSecond / peerBytes);
        rows.push({
          metric: `${label}: UDP payload / the peer's`,
          value,
          unit: "x",
          reach: REACH.bytes,
        });
      }
    });
  }
  return rows;
}

async function costOf(
  node: RunningNode,
  label: string,
  ms: number,
): Promise<{ readonly rows: readonly Row[]; readonly bytesPerSecond: number }> {
  const cpuBefore = cpuMsOf(node.pid);
  const { packetsPerSecond, bytesPerSecond, streamBytesPerSecond } = await node.idleTraffic(ms);
  const cpuMs = cpuMsOf(node.pid) - cpuBefore;
  const streams =
    streamBytesPerSecond === null
      ? []
      : [
          {
            metric: `${label}: sent over streams`,
            value: round2(streamBytesPerSecond),
            unit: "B/s",
          },
        ];
  const residentMiB = Math.round(memoryOf(node.pid).residentKb / 1024);
  const rows: readonly Row[] = [
    { metric: `${label}: packets sent`, value: round2(packetsPerSecond), unit: "/s" },
    { metric: `${label}: UDP payload sent`, value: round2(bytesPerSecond), unit: "B/s" },
    ...streams,
    { metric: `${label}: CPU`, value: round2(cpuMs / (ms / 1000)), unit: "ms/s" },
    { metric: `${label}: resident memory`, value: residentMiB, unit: "MiB" },
    ...(await heapRows(node, label)),
  ];
  return { rows, bytesPerSecond };
}

/** Above what Node itself holds. */
async function heapRows(node: RunningNode, label: string): Promise<readonly Row[]> {
  const heapBytes = await node.heapBytes?.();
  if (heapBytes === undefined) return [];
  const value = round2((heapBytes - (await idleHeapBytes())) / MEBIBYTE);
  const metric = `${label}: heap above an idle Node process's`;
  return [{ metric, value, unit: "MiB", reach: REACH.heapMiB }];
}

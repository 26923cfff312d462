/** What is not seen at once: a process that stands still, a host that is lost, a network that is cut in two. */
import { setTimeout as sleep } from "node:timers/promises";
import { median, type Row } from "../bench.ts";
import { OURS } from "./bifrost.ts";
import type { Contender } from "./contender.ts";
import { makeNetwork } from "./network.ts";
import { loopbackPlaces } from "./place.ts";
import { addDetection, inMs, Samples } from "./samples.ts";
import { detect, untilHealed, withCluster } from "./scenario.ts";

const HOST_ROUNDS = 3;
const STALL_ROUNDS = 3;
const CUT_MS = 60_000;
const HEAL_WATCH_MS = 90_000;
/** What the goals of the cluster are; those of the peer are what it is. */
const REACH = { unusedMs: 1500, hostP50Ms: 2500, hostMs: 7000, healMs: 5000 };

export async function stalls(contenders: readonly Contender[], isQuick: boolean) {
  const samples = new Samples();
  for (let round = 0; round < (isQuick ? 1 : STALL_ROUNDS); round++) {
    for (const contender of contenders) {
      await withCluster(contender, loopbackPlaces(10), async ({ nodes }) => {
        await sleep(1500);
        const victim = nodes[1 + round];
        if (victim === undefined) return;
        const others = nodes.filter((node) => node !== victim);
        const found = await detect(others, victim, () => victim.kill("SIGSTOP"));
        addDetection(samples, contender.name, found);
        victim.kill("SIGCONT");
      });
    }
  }
  return contenders.flatMap(({ name: who }) => [
    inMs(
      `${who}, N=10: stopped process suspected by the last, median`,
      median(samples.of(`${who} suspected`)),
    ),
    inMs(
      `${who}, N=10: stopped process dead to the last, median`,
      median(samples.of(`${who} last`)),
    ),
  ]);
}

export async function hosts(size: number, contenders: readonly Contender[], isQuick: boolean) {
  const samples = new Samples();
  for (let round = 0; round < (isQuick ? 1 : HOST_ROUNDS); round++) {
    for (const contender of contenders) {
      const network = makeNetwork(size);
      try {
        await withCluster(contender, network.places, async ({ nodes }) => {
          await sleep(2000);
          const index = 1 + (round % (size - 1));
          const victim = nodes[index];
          if (victim === undefined) return;
          const others = nodes.filter((node) => node !== victim);
          const found = await detect(others, victim, () => network.lose(index));
          addDetection(samples, contender.name, found);
        });
      } finally {
        network.remove();
      }
    }
  }
  return contenders.flatMap(({ name: who }) => {
    const isOurs = who === OURS;
    const reach = (value: number) => (isOurs ? { reach: value } : {});
    const last = samples.of(`${who} last`);
    return [
      {
        ...inMs(
          `${who}, N=${size}: lost host gets no traffic from the last, median`,
          median(samples.of(`${who} suspected`)),
        ),
        ...reach(REACH.unusedMs),
      },
      {
        ...inMs(`${who}, N=${size}: lost host dead to the last, median`, median(last)),
        ...reach(REACH.hostP50Ms),
      },
      {
        ...inMs(
          `${who}, N=${size}: lost host dead to the last, worst of ${last.length}`,
          Math.max(...last),
        ),
        ...reach(REACH.hostMs),
      },
    ];
  });
}

/** Two of five apart for a minute. */
export async function partition(contenders: readonly Contender[], isQuick: boolean) {
  const rows: Row[] = [];
  const cutMs = isQuick ? 15_000 : CUT_MS;
  for (const contender of contenders) {
    const network = makeNetwork(5);
    try {
      await withCluster(contender, network.places, async ({ nodes }) => {
        await sleep(2000);
        const since = new Map(nodes.map((node) => [node.name, node.events.length]));
        network.cut(2);
        await sleep(cutMs);
        network.heal();
        const healed = await untilHealed(nodes, since, HEAL_WATCH_MS);
        const isOurs = contender.name === OURS;
        rows.push({
          ...inMs(
            `${contender.name}, 2 | 3: whole again after ${cutMs / 1000} s apart`,
            healed ?? HEAL_WATCH_MS,
          ),
          ...(isOurs ? { reach: REACH.healMs } : {}),
        });
      });
    } finally {
      network.remove();
    }
  }
  return rows;
}

/** Rows of a race: medians over its rounds, and ratios that compare contenders within each round. */
import { median, type Row } from "../bench.ts";
import { OURS } from "./ours.ts";
import { type Race, type Racer, RATE } from "./racer.ts";

/** A proxy that has its core for itself is on it nearly all the time while wrk runs. */
const BUSY = 0.95;

export function rowsOf(race: Race, racers: readonly Racer[]): readonly Row[] {
  const { title } = race;
  const [base] = racers;
  return racers.flatMap((racer): Row[] => {
    const of = (pick: (round: Racer["rounds"][number]) => number) => racer.rounds.map(pick);
    const cpuUs = median(of((round) => round.cpuUs));
    const rows: Row[] = [
      {
        metric: `${title}: ${racer.name}`,
        value: Math.round(median(of((round) => round.perSecond))),
        unit: "/s",
      },
    ];
    if (base !== undefined && racer !== base) rows.push(ratioRow(race, racer, base));
    rows.push({ metric: "  CPU for each request", value: tenths(cpuUs), unit: "us" });
    if (base !== undefined && racer !== base) {
      const baseUs = base.rounds.map((round) => round.cpuUs);
      const ratio = median(racer.rounds.map(({ cpuUs: us }, i) => (baseUs[i] ?? 0) / us));
      rows.push({ metric: `  ${base.name}'s CPU by that`, value: hundredths(ratio), unit: "x" });
    }
    rows.push({ metric: "  resident", value: Math.round(racer.residentMb), unit: "MB" });
    return [...rows, ...latencyRows(racer)];
  });
}

function ratioRow({ reach }: Race, racer: Racer, base: Racer): Row {
  const ratios = racer.rounds.map(
    ({ perSecond }, i) => perSecond / (base.rounds[i]?.perSecond ?? 0),
  );
  const row = { metric: `  of ${base.name}'s`, value: hundredths(median(ratios)), unit: "x" };
  return racer.name === OURS && reach !== undefined ? { ...row, reach } : row;
}

function latencyRows({ latencies }: Racer): readonly Row[] {
  if (latencies.length === 0) return [];
  const reached = Math.min(...latencies.map(({ perSecond }) => perSecond));
  const at = reached > RATE * BUSY ? `${RATE}/s` : `${RATE}/s (only ${Math.round(reached)} came)`;
  return [
    {
      metric: `  p50 at ${at}`,
      value: hundredths(median(latencies.map((one) => one.p50Ms))),
      unit: "ms",
    },
    {
      metric: `  p99 at ${at}`,
      value: hundredths(median(latencies.map((one) => one.p99Ms))),
      unit: "ms",
    },
  ];
}

/** Requests per second say nothing about a proxy that had to share its core. */
export function warnOfNoise({ title, task }: Race, racers: readonly Racer[]): void {
  if (task.workers > 1) return;
  const shares = racers.map(({ rounds }) => Math.min(...rounds.map((round) => round.busy)));
  const least = Math.min(...shares);
  if (least >= BUSY) return;
  process.stderr.write(
    `${title}: in one round a proxy had only ${Math.round(least * 100)} % of its core: read CPU for each request instead of the rate\n`,
  );
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Runs all contenders that can do one task in interleaved rounds, and makes rows of what was seen. */
import { chmodSync } from "node:fs";
import { temporaryFolder } from "../../../support/folders.ts";
import { freeBasePort } from "../../../support/ports.ts";
import type { BenchOptions, Row } from "../bench.ts";
import {
  BOTH_CORES,
  type Contender,
  PROXY_CORE,
  type RunningContender,
  type Setting,
} from "./contender.ts";
import { loadAtRate, loadFully } from "./load.ts";
import { startUpstream } from "./nginx.ts";
import { OURS } from "./ours.ts";
import { type Race, type Racer, RATE, type Round } from "./racer.ts";
import { rowsOf, warnOfNoise } from "./race-rows.ts";
import { assertSameWork } from "./same-work.ts";

interface Length {
  readonly rounds: number;
  readonly seconds: number;
  readonly rateRounds: number;
  readonly rateSeconds: number;
}

const WARM_UP_SECONDS = 2;
const FULL: Length = { rounds: 5, seconds: 3, rateRounds: 3, rateSeconds: 5 };
const QUICK: Length = { rounds: 2, seconds: 1, rateRounds: 1, rateSeconds: 1 };

/** The first contender that takes part is the base of the ratios; without the gateway there is nothing to see. */
export async function runRace(
  race: Race,
  contenders: readonly Contender[],
  { isQuick }: BenchOptions,
): Promise<readonly Row[]> {
  const able = contenders.filter((contender) => isAble(contender, race));
  if (!able.some((contender) => contender.name === OURS)) return [];
  const first = await freeBasePort();
  const upstreams = { a: `127.0.0.1:${first}`, b: `127.0.0.1:${first + 1}` };
  const upstream = await startUpstream(readableFolder(), first, first + 1);
  const racers: Racer[] = [];
  try {
    for (const [index, contender] of able.entries()) {
      const { task } = race;
      const cores = task.workers > 1 ? BOTH_CORES : PROXY_CORE;
      const folder = readableFolder();
      const setting = { ...task, folder, port: first + 2 + index, upstreams, cores };
      racers.push(await prepare(contender, setting));
    }
    await measure(racers, race, isQuick ? QUICK : FULL);
    warnOfNoise(race, racers);
    return rowsOf(race, racers);
  } finally {
    await Promise.all([upstream, ...racers.map(({ running }) => running)].map((one) => one.stop()));
  }
}

function isAble(contender: Contender, { title, task }: Race): boolean {
  const reason = contender.lacks(task);
  if (reason !== null) process.stderr.write(`${title}: without ${contender.name}: ${reason}\n`);
  return reason === null;
}

async function prepare(contender: Contender, setting: Setting): Promise<Racer> {
  const { name } = contender;
  const running = await contender.start(setting);
  try {
    await assertSameWork(name, running.port, setting);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return { name, running, rounds: [], latencies: [], residentMb: 0 };
}

async function measure(racers: readonly Racer[], race: Race, length: Length): Promise<void> {
  for (let round = 0; round < length.rounds; round++) {
    for (const racer of racers) {
      await loadFully(racer.running.port, WARM_UP_SECONDS);
      racer.rounds.push(await measureRound(racer.running, length.seconds));
      racer.residentMb = racer.running.residentMb();
    }
  }
  if (!race.isRated) return;
  for (let round = 0; round < length.rateRounds; round++) {
    for (const { running, latencies } of racers) {
      latencies.push(await loadAtRate(running.port, RATE, length.rateSeconds));
    }
  }
}

async function measureRound(running: RunningContender, seconds: number): Promise<Round> {
  const [startedAt, cpuMs] = [performance.now(), running.cpuMs()];
  const { requests, perSecond } = await loadFully(running.port, seconds);
  const usedMs = running.cpuMs() - cpuMs;
  const busy = usedMs / (performance.now() - startedAt);
  return { perSecond, cpuUs: (usedMs * 1000) / requests, busy };
}

/** nginx reads its files as another user. */
function readableFolder(): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  return folder;
}

/** Tells the gossip process how the processes are that carry traffic. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { PlanesSummary } from "../workers/data-planes.ts";
import { ProcessMeter } from "../workers/process-gauges.ts";
import { LOAD_MS, type TrafficLoad } from "./messages.ts";

/** Answers the function that stops it. */
export function feedLoad(options: {
  readonly timers: Timers;
  readonly summary: () => PlanesSummary;
  readonly tell: (load: TrafficLoad) => void;
}): () => void {
  const { timers, summary, tell } = options;
  const meter = new ProcessMeter();
  let former = { at: timers.now(), summary: summary() };
  let timer: Timer;
  function look(): void {
    const now = { at: timers.now(), summary: summary() };
    tell(loadBetween(former, now, meter.take().loopDelaySeconds));
    former = now;
    timer = timers.after(LOAD_MS, look);
  }
  timer = timers.after(LOAD_MS, look);
  return () => {
    timer.cancel();
    meter.close();
  };
}

interface Reading {
  readonly at: number;
  readonly summary: Pick<PlanesSummary, "totals" | "planes">;
}

/** `parentDelaySeconds`: of the process that feeds those. */
export function loadBetween(
  former: Reading,
  now: Reading,
  parentDelaySeconds: number,
): TrafficLoad {
  const [before, after] = [classesOf(former), classesOf(now)];
  const responses = after.all - before.all;
  const delays = now.summary.planes.map(({ loopDelaySeconds }) => loopDelaySeconds);
  return {
    eventLoopDelayMs: Math.round(1000 * Math.max(parentDelaySeconds, ...delays)),
    requestsPerSecond: Math.max(0, (responses * 1000) / Math.max(1, now.at - former.at)),
    errorRate: responses <= 0 ? 0 : (after.failed - before.failed) / responses,
  };
}

function classesOf({ summary }: Reading): { readonly all: number; readonly failed: number } {
  const classes = summary.totals?.traffic.classes ?? new Map<string, number>();
  let all = 0;
  for (const count of classes.values()) all += count;
  return { all, failed: classes.get("5xx") ?? 0 };
}

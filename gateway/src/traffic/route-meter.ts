/** Counts what one process serves by route: a request only writes down what it was, and the rest is done when asked for. */
import type { Served } from "../proxy/served.ts";
import { binOf } from "./latency.ts";
import { RouteTallies, type RouteTally } from "./route-tally.ts";

/** Requests that are written down before they are counted. */
const NOTED = 4096;
const FIRST_ERROR = 500;

export class RouteMeter {
  private readonly routes: string[] = Array.from({ length: NOTED }, () => "");
  private readonly durations = new Float64Array(NOTED);
  private readonly statuses = new Uint16Array(NOTED);
  private noted = 0;
  private tallies = new RouteTallies();

  record({ route, durationMs, status }: Pick<Served, "route" | "durationMs" | "status">): void {
    if (route === null) return;
    if (this.noted === NOTED) this.countNoted();
    this.routes[this.noted] = route;
    this.durations[this.noted] = durationMs;
    this.statuses[this.noted] = status;
    this.noted++;
  }

  /** What was recorded since the last call. */
  take(): readonly RouteTally[] {
    this.countNoted();
    const taken = this.tallies.list();
    if (taken.length > 0) this.tallies = new RouteTallies();
    return taken;
  }

  private countNoted(): void {
    for (let at = 0; at < this.noted; at++) {
      const [, tally] = this.tallies.open(this.routes[at] ?? "");
      tally.count(binOf(this.durations[at] ?? 0), (this.statuses[at] ?? 0) >= FIRST_ERROR);
    }
    this.noted = 0;
  }
}

/** What was served of each route. */
import { addBins, type LatencyBins } from "./latency.ts";

export interface Tally {
  readonly requests: number;
  /** Answered with a status of 500 or more. */
  readonly errors: number;
  readonly latency: LatencyBins;
}

/** Plain data: it travels between processes as it is. */
export interface RouteTally extends Tally {
  /** Host and path prefix, such as `shop.example/api`. */
  readonly route: string;
}

/** Routes that are told apart; what comes beyond them is counted as one. */
export const MAX_ROUTES = 256;
export const OTHER_ROUTES = "other";
const MAX_NAME = 256;

/** Tallies by route, which grow. */
export class RouteTallies {
  private readonly tallies = new Map<string, OpenTally>();

  /** The tally of a route, or of all the others; and under which name. */
  open(route: string): readonly [name: string, tally: OpenTally] {
    const known = this.tallies.get(route);
    if (known !== undefined) return [route, known];
    const isRoom = this.tallies.size < MAX_ROUTES - 1;
    if (!isRoom && route !== OTHER_ROUTES) return this.open(OTHER_ROUTES);
    const name = route.slice(0, MAX_NAME);
    const tally = this.tallies.get(name) ?? new OpenTally();
    this.tallies.set(name, tally);
    return [name, tally];
  }

  add({ route, ...tally }: RouteTally): string {
    const [name, open] = this.open(route);
    open.add(tally);
    return name;
  }

  list(names: Iterable<string> = this.tallies.keys()): readonly RouteTally[] {
    return [...names].flatMap((route) => {
      const tally = this.tallies.get(route);
      if (tally === undefined) return [];
      const { requests, errors, latency } = tally;
      return [{ route, requests, errors, latency }];
    });
  }
}

export class OpenTally implements Tally {
  requests = 0;
  errors = 0;
  readonly latency = new Map<number, number>();

  count(bin: number, isError: boolean): void {
    this.requests++;
    if (isError) this.errors++;
    this.latency.set(bin, (this.latency.get(bin) ?? 0) + 1);
  }

  add({ requests, errors, latency }: Tally): void {
    this.requests += requests;
    this.errors += errors;
    addBins(this.latency, latency);
  }
}

/** Shows a deployment as it goes along: every state with its time, every log line, and how it ended. */
import type {
  DeploymentView,
  LogView,
  StreamEvent,
  TransitionView,
} from "@bifrost/shared/api/schemas";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import { formatDuration, systemTimers, type Timers } from "@bifrost/shared/domain/time";
import type { Client } from "./client.ts";
import { printFailure, printHealthy, readLiveAtEnd } from "./ending.ts";
import { EXIT } from "./exit-code.ts";
import type { Output } from "./output.ts";

export interface FollowOptions {
  readonly client: Pick<Client, "stream" | "project" | "deployment">;
  readonly output: Output;
  readonly id: string;
  readonly signal: AbortSignal;
  /** Go on with the app's own lines after the deployment has ended. */
  readonly beyondEnd: boolean;
  readonly streams: readonly LogView["stream"][];
  /** Waits between connections; the process's own timers when absent. */
  readonly timers?: Timers;
}

const RECONNECT_MS = [200, 500, 1_000, 2_000, 5_000];
/** Drops in a row, without one event between them, after which following is given up. */
const TOLERATED_DROPS = 20;

/** Resolves with the exit code that tells the deployment's end. A dropped stream is taken up again without repeating lines. */
export async function follow(options: FollowOptions): Promise<number> {
  const { client, id, signal, timers = systemTimers } = options;
  const view = new FollowView(options.output, options.streams);
  const isOver = () => signal.aborted || (view.hasEnded() && !options.beyondEnd);
  let drops = 0;
  const session = async (): Promise<void> => {
    for await (const event of client.stream(id, signal)) {
      drops = 0;
      view.show(event);
      if (isOver()) break;
    }
  };
  while (!isOver()) {
    await session().catch((error: unknown) => {
      // A stream may break while it is being closed: then there is nothing left to wait for.
      if (!isOver() && (isFinal(error) || drops >= TOLERATED_DROPS)) throw error;
    });
    if (!isOver()) await timers.sleep(pauseAfter(drops), signal);
    drops++;
  }
  return view.hasEnded() && !signal.aborted ? view.end(client) : EXIT.interrupted;
}

function pauseAfter(drops: number): number {
  return RECONNECT_MS[Math.min(drops, RECONNECT_MS.length - 1)] ?? 0;
}

/** What another try would only be told again. */
function isFinal(error: unknown): boolean {
  return isBifrostError(error, "not-found") || isBifrostError(error, "unauthenticated");
}

class FollowView {
  readonly #output: Output;
  readonly #streams: readonly LogView["stream"][];
  readonly #seenLogs = new Set<string>();
  #lastSeq = 0;
  #lastAt: number | null = null;
  #current: DeploymentView | null = null;
  #shown: TransitionView | null = null;

  constructor(output: Output, streams: readonly LogView["stream"][]) {
    this.#output = output;
    this.#streams = streams;
  }

  show(event: StreamEvent): void {
    if (event.kind === "transition") this.#transition(event.transition);
    else if (event.kind === "log") this.#log(event.log);
    else this.#current = event.deployment;
  }

  #transition(transition: TransitionView): void {
    if (transition.seq <= this.#lastSeq) return;
    this.#lastSeq = transition.seq;
    this.#shown = transition;
    this.#output.data({ kind: "transition", ...transition });
    const at = Date.parse(transition.at);
    const took =
      this.#lastAt === null
        ? ""
        : `  ${this.#output.paint.dim(`+${formatDuration(at - this.#lastAt)}`)}`;
    this.#lastAt = at;
    const why = transition.why === null ? "" : `  ${this.#output.paint.dim(transition.why)}`;
    this.#output.line(`● ${this.#output.paint.state(transition.to)}${took}${why}`);
  }

  #log(log: LogView): void {
    if (!this.#streams.includes(log.stream) || this.#seenLogs.has(log.id)) return;
    this.#seenLogs.add(log.id);
    this.#output.data({ kind: "log", ...log });
    for (const line of log.lines)
      this.#output.line(`  ${this.#output.paint.dim(`${log.step} │`)} ${line}`);
  }

  /** Both the document and the last transition of its attempt must have come: they travel on separate listeners. */
  hasEnded(): boolean {
    const { state, attempt } = this.#current ?? {};
    const resting = state === "healthy" || state === "failed";
    return resting && this.#shown?.to === state && this.#shown.attempt === attempt;
  }

  async end(client: FollowOptions["client"]): Promise<number> {
    const deployment = this.#current;
    if (deployment === null) return EXIT.error;
    const live = await readLiveAtEnd(client, deployment);
    this.#output.data({ kind: "end", deployment, live });
    if (deployment.state === "healthy") {
      printHealthy(this.#output, deployment, live);
      return EXIT.ok;
    }
    printFailure(this.#output, deployment);
    return EXIT.deploymentFailed;
  }
}

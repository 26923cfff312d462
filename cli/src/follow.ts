/** Shows a deployment as it goes along: every state with its time, every log line, and how it ended. */
import type { DeploymentView, LogView, TransitionView } from "@bifrost/shared/api/schemas";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import { formatDuration } from "@bifrost/shared/domain/time";
import type { Client } from "./client.ts";
import { EXIT } from "./exit-code.ts";
import type { Output } from "./output.ts";

export interface FollowOptions {
  readonly client: Client;
  readonly output: Output;
  readonly id: string;
  readonly signal: AbortSignal;
  /** Go on with the app's own lines after the deployment has ended. */
  readonly beyondEnd: boolean;
  readonly streams: readonly LogView["stream"][];
}

const RECONNECT_MS = [200, 500, 1_000, 2_000, 5_000];

/** Resolves with the exit code that tells the deployment's end. A dropped stream is taken up again without repeating lines. */
export async function follow(options: FollowOptions): Promise<number> {
  const view = new FollowView(options.output, options.streams);
  for (let drops = 0; !options.signal.aborted; drops++) {
    const session = new AbortController();
    const abort = () => session.abort();
    options.signal.addEventListener("abort", abort, { once: true });
    try {
      for await (const event of options.client.stream(options.id, session.signal)) {
        drops = 0;
        if (event.kind === "transition") view.transition(event.transition);
        else if (event.kind === "log") view.log(event.log);
        else view.deployment(event.deployment);
        if (view.hasEnded() && !options.beyondEnd) break;
      }
    } catch (error) {
      if (options.signal.aborted) break;
      if (view.hasEnded() && !options.beyondEnd) break; // the stream broke while it was being closed
      const fatal = isBifrostError(error, "not-found") || isBifrostError(error, "unauthenticated");
      if (fatal || drops >= 20) throw error;
    } finally {
      options.signal.removeEventListener("abort", abort);
    }
    if (view.hasEnded() && !options.beyondEnd) break;
    await new Promise((resolve) =>
      setTimeout(resolve, RECONNECT_MS[Math.min(drops, RECONNECT_MS.length - 1)]),
    );
  }
  return view.hasEnded() && !options.signal.aborted ? view.end() : EXIT.interrupted;
}

class FollowView {
  readonly #output: Output;
  readonly #streams: readonly LogView["stream"][];
  readonly #seenLogs = new Set<string>();
  #lastSeq = 0;
  #lastAt: number | null = null;
  #current: DeploymentView | null = null;
  #shownSeqState: string | null = null;

  constructor(output: Output, streams: readonly LogView["stream"][]) {
    this.#output = output;
    this.#streams = streams;
  }

  deployment(deployment: DeploymentView): void {
    this.#current = deployment;
  }

  transition(transition: TransitionView): void {
    if (transition.seq <= this.#lastSeq) return;
    this.#lastSeq = transition.seq;
    this.#shownSeqState = transition.to;
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

  log(log: LogView): void {
    if (!this.#streams.includes(log.stream) || this.#seenLogs.has(log.id)) return;
    this.#seenLogs.add(log.id);
    this.#output.data({ kind: "log", ...log });
    for (const line of log.lines)
      this.#output.line(`  ${this.#output.paint.dim(`${log.step} │`)} ${line}`);
  }

  /** Both the document and its last transition must have been shown: they travel on separate listeners. */
  hasEnded(): boolean {
    const state = this.#current?.state;
    return (state === "healthy" || state === "failed") && this.#shownSeqState === state;
  }

  end(): number {
    const deployment = this.#current;
    if (deployment === null) return EXIT.error;
    this.#output.data({ kind: "end", deployment });
    printEnd(this.#output, deployment);
    return deployment.state === "healthy" ? EXIT.ok : EXIT.deploymentFailed;
  }
}

export function printEnd(output: Output, deployment: DeploymentView): void {
  output.line();
  const { failure } = deployment;
  if (failure === null) {
    output.line(
      `${output.paint.bold(`Deployment ${deployment.number} is healthy.`)}  ${deployment.url ?? ""}`,
    );
    return;
  }
  output.line(
    output.paint.red(
      `Deployment ${deployment.number} failed while ${failure.state}: ${failure.message}`,
    ),
  );
  for (const line of failure.details) output.line(`  ${line}`);
  output.line();
  output.line(failure.hint);
}

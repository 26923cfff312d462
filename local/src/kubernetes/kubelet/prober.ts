/** Startup, readiness and liveness probes of one container: httpGet and tcpSocket, thresholds as in Kubernetes. */
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import type { V1Probe } from "@kubernetes/client-node";
import type { Timers } from "@bifrost/shared/domain/time";
import { pause } from "./pause.ts";

export type ProbeOutcome =
  | { readonly kind: "success" }
  | { readonly kind: "failure"; readonly why: string; readonly refused: boolean };

/** While nothing listens yet, a probe with a period of 1 s looks this often, so that ready is seen at once. */
const FAST_RETRY_MS = 50;

const MAX_BODY_BYTES = 10 * 1024;

export interface ProbeTarget {
  /** Host port behind a containerPort number or name; undefined when the container has no such port. */
  port(of: number | string): number | undefined;
}

/** One attempt; never throws and never takes longer than the timeout. */
export function attempt(probe: V1Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const wanted = probe.httpGet?.port ?? probe.tcpSocket?.port ?? 0;
  const port = target.port(typeof wanted === "object" ? String(wanted) : wanted);
  if (port === undefined) {
    const why = `no container port ${String(wanted)}`;
    return Promise.resolve({ kind: "failure", why, refused: false });
  }
  return probe.httpGet === undefined
    ? tcpAttempt(port, timeoutMs)
    : httpAttempt(probe.httpGet, port, timeoutMs);
}

type HttpGet = NonNullable<V1Probe["httpGet"]>;

function httpAttempt(get: HttpGet, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const headers = Object.fromEntries(
      (get.httpHeaders ?? []).map(({ name, value }) => [name, value]),
    );
    const call = request({
      host: "127.0.0.1",
      port,
      path: get.path ?? "/",
      headers: { "user-agent": "kube-probe/1.33", connection: "close", ...headers },
      agent: false,
    });
    const timer = setTimeout(
      () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    call.on("response", (response) => {
      response.on("error", () => {});
      readSome(response, () => clearTimeout(timer));
      const code = response.statusCode ?? 0;
      if (code >= 200 && code < 400) resolve({ kind: "success" });
      else
        resolve({
          kind: "failure",
          why: `HTTP probe failed with statuscode: ${code}`,
          refused: false,
        });
    });
    call.on("error", (error) => {
      clearTimeout(timer);
      resolve(failureOf(error));
    });
    call.end();
  });
}

/** Of an answer's body no more is read than in Kubernetes, and nothing after the timeout: it may have no end. */
function readSome(response: IncomingMessage, onEnd: () => void): void {
  let left = MAX_BODY_BYTES;
  response.on("data", ({ length }: Buffer) => {
    left -= length;
    if (left < 0) response.destroy();
  });
  response.on("close", onEnd);
}

function tcpAttempt(port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const timer = setTimeout(() => socket.destroy(new Error("no connection in time")), timeoutMs);
    socket.on("connect", () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ kind: "success" });
    });
    socket.on("error", (error) => {
      clearTimeout(timer);
      resolve(failureOf(error));
    });
  });
}

function failureOf(error: Error & { code?: string }): ProbeOutcome {
  return { kind: "failure", why: error.message, refused: error.code === "ECONNREFUSED" };
}

export interface ProbeEvents {
  /** The verdict changed: thresholds of successes or failures in a row were met. */
  onVerdict(isPassing: boolean, why: string): void;
}

/** Probes until the signal aborts. The first verdict comes with the first threshold reached. */
export async function runProbe(
  probe: V1Probe,
  target: ProbeTarget,
  events: ProbeEvents,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const tally = new Tally(probe, events);
  let hasAnswered = false;
  let countedAt = -Infinity;
  await pause(timers, (probe.initialDelaySeconds ?? 0) * 1000, signal);
  while (!signal.aborted) {
    const outcome = await attempt(probe, target);
    if (signal.aborted) return;
    const isWaiting: boolean =
      !hasAnswered && outcome.kind === "failure" && outcome.refused && periodMs <= 1000;
    if (!isWaiting) hasAnswered = true;
    // Fast looks count once per period: thresholds keep their meaning in seconds.
    if (!isWaiting || timers.now() - countedAt >= periodMs) {
      countedAt = timers.now();
      tally.count(outcome);
    }
    await pause(timers, isWaiting ? FAST_RETRY_MS : periodMs, signal);
  }
}

/** Counts outcomes in a row. */
class Tally {
  readonly #probe: V1Probe;
  readonly #events: ProbeEvents;
  #successes = 0;
  #failures = 0;
  #isPassing: boolean | undefined;

  constructor(probe: V1Probe, events: ProbeEvents) {
    this.#probe = probe;
    this.#events = events;
  }

  count(outcome: ProbeOutcome): void {
    if (outcome.kind === "success") {
      this.#successes += 1;
      this.#failures = 0;
      if (this.#successes >= (this.#probe.successThreshold ?? 1)) this.#settle(true, "");
      return;
    }
    this.#failures += 1;
    this.#successes = 0;
    if (this.#failures >= (this.#probe.failureThreshold ?? 3)) this.#settle(false, outcome.why);
  }

  #settle(isPassing: boolean, why: string): void {
    if (this.#isPassing === isPassing) return;
    this.#isPassing = isPassing;
    this.#events.onVerdict(isPassing, why);
  }
}

/** Sends one event until it is acknowledged, given up for age, or the stand-in stops. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { backoffMs } from "../serving/backoff.ts";
import type { RetryPolicy } from "../serving/backoff.ts";
import { post } from "../serving/post.ts";
import type { DocumentEvent } from "./document-event.ts";

export interface DeliverOptions {
  readonly idToken: (serviceAccount: string, audience: string) => Promise<string>;
  readonly timers: Timers;
  readonly log: Logger;
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal;
  /** Runs a request when one of the bounded places is free. */
  readonly withPlace: <T>(task: () => Promise<T>) => Promise<T>;
}

/** Eventarc's transport keeps an event for one day. */
const MAX_AGE_MS = 86_400_000;
/** Longest request: the ack deadline Eventarc's push subscriptions are given for functions. */
const REQUEST_TIMEOUT_MS = 600_000;

export type Outcome = "acknowledged" | "expired" | "stopped";

export async function deliver(event: DocumentEvent, options: DeliverOptions): Promise<Outcome> {
  const { timers, log, retry, signal, withPlace } = options;
  const facts = { event: event.id, trigger: event.trigger.id };
  for (let attempt = 1; ; attempt += 1) {
    if (signal.aborted) return "stopped";
    const answer = await withPlace(() => send(event, options));
    if (typeof answer === "number" && answer >= 200 && answer < 300) return "acknowledged";
    if (signal.aborted) return "stopped";
    if (timers.now() - event.at > MAX_AGE_MS) {
      log.error("event given up", { ...facts, attempt, answer });
      return "expired";
    }
    log.warn("event not acknowledged", { ...facts, attempt, answer });
    await timers.sleep(backoffMs(retry, attempt), signal);
  }
}

/** The HTTP status, or why there was none. */
async function send(event: DocumentEvent, options: DeliverOptions): Promise<number | string> {
  const { url, serviceAccount } = event.trigger;
  try {
    const token = await options.idToken(serviceAccount, url);
    return await post({
      url,
      headers: { ...event.headers, authorization: `Bearer ${token}` },
      body: event.body,
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal: options.signal,
    });
  } catch (error) {
    return messageOf(error);
  }
}

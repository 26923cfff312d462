/** Callback endpoints of running executions. A delivery that nobody awaits yet is kept until someone does. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Value } from "./value.ts";
import { ExecutionCancelled, raised } from "./workflow-error.ts";

/** Deliveries kept per endpoint while nobody waits; more are refused so that a loud sender cannot fill memory. */
const MAX_BUFFERED = 100;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type DeliveryResult = "delivered" | "not-found" | "wrong-method" | "full";

interface Endpoint {
  readonly execution: string;
  readonly method: string;
  readonly deliveries: Value[];
  readonly waiting: ((value: Value) => void)[];
}

export class CallbackEndpoints {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #timers: Timers;
  readonly #baseUrl: () => string;

  /** `baseUrl` is asked when an endpoint is created: the port is known only after listening. */
  constructor(timers: Timers, baseUrl: () => string) {
    this.#timers = timers;
    this.#baseUrl = baseUrl;
  }

  get size(): number {
    return this.#endpoints.size;
  }

  /** Opens an endpoint of one execution and answers its URL. */
  create(execution: string, id: string, method: string): string {
    this.#endpoints.set(id, { execution, method, deliveries: [], waiting: [] });
    return `${this.#baseUrl()}/v1/${execution}/callbacks/${id}`;
  }

  deliver(execution: string, id: string, method: string, value: Value): DeliveryResult {
    const endpoint = this.#endpoints.get(id);
    if (endpoint?.execution !== execution) return "not-found";
    if (endpoint.method !== method) return "wrong-method";
    const waiter = endpoint.waiting.shift();
    if (waiter !== undefined) {
      waiter(value);
      return "delivered";
    }
    if (endpoint.deliveries.length >= MAX_BUFFERED) return "full";
    endpoint.deliveries.push(value);
    return "delivered";
  }

  /**
   * The next delivery to the endpoint with this URL.
   * @throws WorkflowError `TimeoutError`, or `ValueError` for a URL that is none of this execution's;
   * ExecutionCancelled when the signal is aborted.
   */
  async next(
    execution: string,
    url: string,
    timeoutSeconds: number,
    signal: AbortSignal,
  ): Promise<Value> {
    const endpoint = this.#endpoints.get(url.slice(url.lastIndexOf("/") + 1));
    if (endpoint?.execution !== execution) {
      throw raised("ValueError", "await_callback: the callback does not belong to this execution");
    }
    const kept = endpoint.deliveries.shift();
    if (kept !== undefined) return kept;
    return this.#wait(endpoint, timeoutSeconds, signal);
  }

  /** Closes the endpoints of an execution that ended. */
  closeAll(execution: string): void {
    for (const [id, endpoint] of this.#endpoints) {
      if (endpoint.execution === execution) this.#endpoints.delete(id);
    }
  }

  #wait(endpoint: Endpoint, timeoutSeconds: number, signal: AbortSignal): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        timer.cancel();
        signal.removeEventListener("abort", cancelled);
        const at = endpoint.waiting.indexOf(arrived);
        if (at >= 0) endpoint.waiting.splice(at, 1);
        finish();
      };
      const arrived = (value: Value): void => settle(() => resolve(value));
      const cancelled = (): void => settle(() => reject(new ExecutionCancelled()));
      const message = `no callback arrived within ${timeoutSeconds} s`;
      const timer = this.#timers.after(Math.min(timeoutSeconds * 1000, LONGEST_TIMER_MS), () =>
        settle(() => reject(raised("TimeoutError", message))),
      );
      endpoint.waiting.push(arrived);
      signal.addEventListener("abort", cancelled, { once: true });
      if (signal.aborted) cancelled();
    });
  }
}

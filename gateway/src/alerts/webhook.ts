/** Delivers notices to one webhook: one after another, signed, tried again when that may help, never kept without bound. */
import { createHmac, randomUUID } from "node:crypto";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { AlertNotice } from "./alert-book.ts";

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  /** Signs the body; null = it is sent unsigned. */
  readonly secret: string | null;
  readonly timers: Timers;
  readonly log: Logger;
}

const TIMEOUT_MS = 5000;
/** Before each further try. */
const BACKOFF_MS = [1000, 4000, 16_000] as const;
/** Waiting to be sent; beyond it the oldest go. */
const MAX_WAITING = 256;

export class Webhook {
  /** How deliveries ended; `retried` counts tries beyond the first. */
  readonly outcomes = { delivered: 0, failed: 0, dropped: 0, retried: 0 };
  private readonly options: WebhookOptions;
  private readonly stopping = new AbortController();
  private readonly waiting: AlertNotice[] = [];
  private isSending = false;

  constructor(options: WebhookOptions) {
    this.options = options;
  }

  offer(notice: AlertNotice): void {
    this.waiting.push(notice);
    if (this.waiting.length > MAX_WAITING) {
      this.waiting.shift();
      this.outcomes.dropped++;
    }
    if (!this.isSending) void this.send();
  }

  /** What waits is given up. */
  stop(): void {
    this.stopping.abort();
    this.waiting.length = 0;
  }

  private async send(): Promise<void> {
    this.isSending = true;
    for (let notice = this.waiting.shift(); notice !== undefined; notice = this.waiting.shift()) {
      await this.deliver(notice);
    }
    this.isSending = false;
  }

  private async deliver(notice: AlertNotice): Promise<void> {
    const { timers, log, name } = this.options;
    const { signal } = this.stopping;
    const id = randomUUID();
    const body = JSON.stringify(bodyOf(notice));
    let problem = "";
    for (const wait of [0, ...BACKOFF_MS]) {
      if (wait > 0) {
        this.outcomes.retried++;
        await timers.sleep(wait, signal);
      }
      if (signal.aborted) return;
      const attempt = await this.post(id, body);
      if (attempt === null) {
        this.outcomes.delivered++;
        return;
      }
      problem = attempt.problem;
      if (!attempt.isWorthAnother) break;
    }
    this.outcomes.failed++;
    log.error("alert was not delivered", { webhook: name, rule: notice.rule, problem });
  }

  /** null = delivered. */
  private async post(id: string, body: string): Promise<Setback | null> {
    const { url, timers } = this.options;
    try {
      const response = await fetch(url, {
        method: "POST",
        // Where it leads was not allowed by anybody.
        redirect: "manual",
        headers: this.headers(id, body, String(Math.floor(timers.now() / 1000))),
        body,
        signal: AbortSignal.any([this.stopping.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      return setbackOf(response.status);
    } catch (error) {
      return { problem: messageOf(error), isWorthAnother: true };
    }
  }

  private headers(id: string, body: string, timestamp: string): Record<string, string> {
    const { secret } = this.options;
    const headers = {
      "content-type": "application/json",
      "user-agent": "bifrost-alerts",
      "x-bifrost-delivery": id,
      "x-bifrost-timestamp": timestamp,
    };
    if (secret === null) return headers;
    const mac = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
    return { ...headers, "x-bifrost-signature": `sha256=${mac}` };
  }
}

interface Setback {
  readonly problem: string;
  /** Whether another try may end otherwise. */
  readonly isWorthAnother: boolean;
}

function setbackOf(status: number): Setback | null {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) {
    return { problem: `answered ${status}: redirects are not followed`, isWorthAnother: false };
  }
  const isWorthAnother = status >= 500 || status === 429 || status === 408;
  return { problem: `answered ${status}`, isWorthAnother };
}

function bodyOf({ state, severity, message, rule, values, at }: AlertNotice) {
  const { deploy_id: deployment, project, replica } = values;
  return {
    state,
    severity,
    message,
    rule,
    deployment,
    project,
    replica,
    at: new Date(at).toISOString(),
    values,
  };
}

/** One health check: TCP connect, then an HTTP GET whose status line is read, all within one timeout. */
import { BROKEN, CONNECTING, ENDED, REFUSED, type Host } from "./host.ts";
import type { Settings } from "./settings.ts";

/** Codes of the report line. */
export const RESULT_NONE = 0;
export const RESULT_OK = 1;
export const RESULT_REFUSED = 2;
export const RESULT_TIMEOUT = 3;
export const RESULT_STATUS = 4;
export const RESULT_ERROR = 5;

/** `HTTP/1.1 200`: all of a response that matters. */
const STATUS_LENGTH = 12;

export class Probe {
  result = RESULT_NONE;
  status = 0;
  latencyMs = 0;
  /** Passes and failures in a row; one of them is always 0. */
  passes = 0;
  fails = 0;
  private readonly host: Host;
  private readonly settings: Settings;
  private readonly request: string;
  private handle = -1;
  private startedAt = 0;
  private sent = 0;
  private received = "";

  constructor(host: Host, settings: Settings) {
    this.host = host;
    this.settings = settings;
    this.request =
      `GET ${settings.probePath} HTTP/1.1\r\nHost: ${settings.probeHost}:${settings.probePort}\r\n` +
      "User-Agent: bifrost-sidecar\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  }

  isBusy(): boolean {
    return this.handle >= 0;
  }

  /** When a busy probe times out. */
  deadline(): number {
    return this.startedAt + this.settings.timeoutMs;
  }

  begin(now: number): void {
    this.startedAt = now;
    this.sent = 0;
    this.received = "";
    this.status = 0;
    this.handle = this.host.open(this.settings.probeHost, this.settings.probePort);
  }

  step(now: number): void {
    if (!this.isBusy()) return;
    const state = this.host.state(this.handle);
    if (state === REFUSED) this.finish(RESULT_REFUSED, now);
    else if (state === BROKEN && !this.readStatus(now)) this.finish(RESULT_ERROR, now);
    else if (this.isBusy() && state !== CONNECTING) this.exchange(now, state === ENDED);
    if (this.isBusy() && now >= this.deadline()) this.finish(RESULT_TIMEOUT, now);
  }

  /** Gives a running probe up without a result. */
  abandon(): void {
    if (this.isBusy()) this.host.close(this.handle);
    this.handle = -1;
  }

  private exchange(now: number, hasEnded: boolean): void {
    if (this.sent < this.request.length) {
      this.sent += this.host.send(this.handle, this.request, this.sent);
    }
    if (!this.readStatus(now) && hasEnded) this.finish(RESULT_ERROR, now);
  }

  /** True once the status line decided. */
  private readStatus(now: number): boolean {
    this.received += this.host.receive(this.handle, STATUS_LENGTH - this.received.length);
    if (this.received.length < STATUS_LENGTH) return false;
    this.status = statusOf(this.received);
    if (this.status === 0) this.finish(RESULT_ERROR, now);
    else if (this.status >= 200 && this.status < 400) this.finish(RESULT_OK, now);
    else this.finish(RESULT_STATUS, now);
    return true;
  }

  private finish(result: number, now: number): void {
    this.abandon();
    this.result = result;
    this.latencyMs = now - this.startedAt;
    this.passes = result === RESULT_OK ? this.passes + 1 : 0;
    this.fails = result === RESULT_OK ? 0 : this.fails + 1;
  }
}

/** 0 = not HTTP/1. */
function statusOf(head: string): number {
  if (!head.startsWith("HTTP/1.") || head.charAt(8) !== " ") return 0;
  let status = 0;
  for (let i = 9; i < STATUS_LENGTH; i++) {
    const digit = head.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status;
}

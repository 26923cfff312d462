/** A sample of the requests served lately, for candidates of policies to be tried on. Secrets are not kept. */
import type { Served } from "../proxy/served.ts";

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly ip: string;
  readonly projectId: string;
  /** Lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What it was answered with. */
  readonly status: number;
}

const KEPT = 128;
const REDACTED = "redacted";
const SECRET_NAME = /^(?:authorization|cookie|proxy-authorization)$|token|secret|key|password|auth/;

export class RequestRing {
  private readonly kept: RecordedRequest[] = [];
  private next = 0;
  private seen = 0;

  /** Takes every request until it is full, later each 128th: the hot path hardly notices, and the ring still changes. */
  offer(served: Served): void {
    const { head, projectId } = served;
    if (head === null || projectId === null) return;
    if (this.kept.length === KEPT && ++this.seen % KEPT !== 0) return;
    const { method, target, host, ip, status } = served;
    const headers = headersOf(head.forwarded);
    this.kept[this.next] = copy({
      method,
      target: withoutValues(target),
      host,
      ip,
      projectId,
      headers,
      status,
    });
    this.next = (this.next + 1) % KEPT;
  }

  /** Oldest first. */
  list(): readonly RecordedRequest[] {
    return [...this.kept.slice(this.next), ...this.kept.slice(0, this.next)];
  }
}

function headersOf(block: string): RecordedRequest["headers"] {
  return block
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      return [name, SECRET_NAME.test(name) ? REDACTED : line.slice(colon + 1).trim()] as const;
    });
}

/** Values of a query may be anything, tokens included; their names are what scripts ask for. */
function withoutValues(target: string): string {
  const at = target.indexOf("?");
  if (at < 0) return target;
  return target.slice(0, at) + target.slice(at).replaceAll(/=[^&]*/g, `=${REDACTED}`);
}

/** Texts cut from a head keep all of it in memory; copied they do not. */
function copy(request: RecordedRequest): RecordedRequest {
  return JSON.parse(JSON.stringify(request)) as RecordedRequest;
}

/** One sidecar's stream: samples in, now and then an acknowledgement of all that came so far out. */
import type { Metadata, ServerDuplexStream } from "@grpc/grpc-js";
import { BifrostError, messageOf, type ErrorCode } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Collector } from "../collector.ts";
import type { Authenticate } from "../authenticate.ts";

export interface Ack {
  readonly seq: number;
}

export type ReportStream = ServerDuplexStream<{ readonly seq: number }, Ack>;

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const STATUS = {
  invalidArgument: 3,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  "bad-request": STATUS.invalidArgument,
  "rate-limited": STATUS.resourceExhausted,
  unauthenticated: STATUS.unauthenticated,
};

/** A sidecar keeps what is not acknowledged; it is in no hurry to forget it. */
const ACK_EVERY_MS = 10;

export interface ReportCallDeps {
  readonly collector: Collector;
  readonly authenticate: Authenticate;
  readonly timers: Timers;
  readonly log: Logger;
}

export class ReportCall {
  private readonly call: ReportStream;
  private readonly deps: ReportCallDeps;
  private readonly deploymentId: string;
  private taken = 0;
  private acknowledged = 0;
  private isAckDue = false;
  private isOver = false;

  constructor(call: ReportStream, deps: ReportCallDeps) {
    this.call = call;
    this.deps = deps;
    this.deploymentId = entryOf(call.metadata, "bifrost-deployment");
    call.on("data", (sample: { readonly seq: number }) => this.take(sample));
    call.on("drain", () => this.acknowledgeSoon());
    call.on("end", () => this.end());
    call.on("cancelled", () => (this.isOver = true));
    try {
      deps.authenticate(this.deploymentId, entryOf(call.metadata, "authorization"));
      deps.collector.assertRoom(this.deploymentId);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** The collector goes away; the sidecar finds another one and sends again what was not acknowledged. */
  leave(): void {
    this.acknowledge();
    this.fail(STATUS.unavailable, "This collector is stopping; connect again.");
  }

  private take(sample: { readonly seq: number }): void {
    if (this.isOver) return;
    try {
      this.deps.collector.take(this.deploymentId, [sample]);
    } catch (error) {
      this.acknowledge();
      this.refuse(error);
      return;
    }
    this.taken = Math.max(this.taken, sample.seq);
    this.acknowledgeSoon();
  }

  /** One acknowledgement for all that comes until then. */
  private acknowledgeSoon(): void {
    if (this.isAckDue) return;
    this.isAckDue = true;
    this.deps.timers.after(ACK_EVERY_MS, () => {
      this.isAckDue = false;
      this.acknowledge();
    });
  }

  /** One that reads no acknowledgements gets no second one before it read the first. */
  private acknowledge(): void {
    if (this.isOver || this.taken <= this.acknowledged || this.call.writableNeedDrain) return;
    this.acknowledged = this.taken;
    this.call.write({ seq: this.taken });
  }

  private end(): void {
    if (this.isOver) return;
    this.acknowledge();
    this.isOver = true;
    this.call.end();
  }

  private refuse(error: unknown): void {
    if (error instanceof BifrostError) {
      this.fail(STATUS_OF[error.code] ?? STATUS.internal, error.message);
      return;
    }
    this.deps.log.error("a sample was not taken", { error: messageOf(error) });
    this.fail(STATUS.internal, "A defect of the collector; its log says more.");
  }

  private fail(code: number, details: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.call.emit("error", { code, details });
  }
}

function entryOf(metadata: Metadata, name: string): string {
  const [value] = metadata.get(name);
  return typeof value === "string" ? value : "";
}

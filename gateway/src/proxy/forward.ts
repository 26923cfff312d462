/**
 * One request and its response: finds a replica, sends the request on, streams both bodies with backpressure and
 * decides what a failure means: another address, one replay, or an answer of our own.
 */
import { chunked, ofLength, type BodyFraming } from "./body-framing.ts";
import type { HeaderEdit } from "../policies/policy-chain.ts";
import { fieldIn } from "./header-block.ts";
import type { ExchangeClient, ExchangePhase } from "./exchange-client.ts";
import type { PageKind } from "./pages.ts";
import type { RequestHead } from "./parse-head.ts";
import type { ResponseHead } from "./parse-response-head.ts";
import type { Forward } from "./plan-request.ts";
import { requestMessage } from "./request-message.ts";
import type { RequestRecord } from "./served.ts";
import type { ProxyServices } from "./services.ts";
import type { UpstreamConnection, UpstreamFailure, UpstreamUser } from "./upstream-connection.ts";

/** Head and body up to this many bytes leave as one string: measured faster than two buffers. */
const JOINT_WRITE_BYTES = 16 * 1024;

/** Addresses tried while nothing has been sent. */
const MAX_ADDRESSES = 4;

/** Methods whose repetition changes nothing (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

export interface ExchangeOptions {
  readonly head: RequestHead;
  readonly plan: Forward;
  /** Gets the status, the replica and the retries. */
  readonly record: RequestRecord;
  readonly services: Pick<
    ProxyServices,
    "pool" | "limits" | "metrics" | "onAttempt" | "isDraining"
  >;
}

export class Exchange implements UpstreamUser {
  private readonly client: ExchangeClient;
  private readonly options: ExchangeOptions;
  private readonly requestBody: BodyFraming;
  private readonly message: string;
  private readonly isReplayable: boolean;
  private upstream: UpstreamConnection | null = null;
  private phase: ExchangePhase = "connecting";
  private tried = 0;
  private hasReplayed = false;
  private mustClose = false;
  private heldHead = "";
  private responseLines = "";

  constructor(client: ExchangeClient, options: ExchangeOptions) {
    const { head, plan, services } = options;
    this.client = client;
    this.options = options;
    this.requestBody = head.isChunked
      ? chunked(services.limits.maxBodyBytes)
      : ofLength(head.contentLength);
    this.isReplayable =
      this.requestBody.isDone && IDEMPOTENT.has(head.method) && head.upgrade === null;
    this.message = requestMessage(head, plan);
  }

  start(): void {
    this.tryNext("no-backend");
  }

  /** Whether bytes of the client are wanted now. */
  get wantsBody(): boolean {
    return (
      this.phase === "tunnel" ||
      (this.upstream !== null && this.isSending && !this.requestBody.isDone)
    );
  }

  get hasWholeRequest(): boolean {
    return this.requestBody.isDone;
  }

  /** Its silence means that nothing happened, not that the replica is stuck. */
  get isEventStream(): boolean {
    return /^text\/event-stream\b/i.test(fieldIn(this.responseLines, "content-type") ?? "");
  }

  get pageEdit(): HeaderEdit | null {
    return this.options.plan.editPage;
  }

  private get isSending(): boolean {
    return this.phase === "sending" || this.phase === "responding";
  }

  /** Takes bytes of the client; answers the index after the request, or the buffer's length when it goes on. */
  feed(data: Buffer): number {
    const { upstream } = this;
    if (upstream === null) return data.length;
    if (this.phase === "tunnel") {
      if (!upstream.write(data)) this.client.pause();
      return data.length;
    }
    // A framing error is the client's; what was sent cannot be completed, so the upstream connection goes too.
    const end = this.requestBody.feed(data, 0);
    const stop = end < 0 ? data.length : end;
    if (stop > 0 && !upstream.write(stop === data.length ? data : data.subarray(0, stop))) {
      this.client.pause();
    }
    if (end >= 0 && this.phase === "sending") this.enter("waiting");
    return stop;
  }

  clientDrained(): void {
    this.upstream?.resume();
  }

  /** The client half-closed a tunnel. */
  clientEnded(): void {
    this.upstream?.endWriting();
  }

  /** The client is gone or gave up: the upstream must not go on working for it. */
  abort(): void {
    this.phase = "over";
    this.upstream?.destroy();
    this.upstream = null;
  }

  /** The replica did not do its part in time: what follows is `abort`. */
  timedOut(): void {
    if (this.upstream !== null) this.options.services.onAttempt(this.upstream.address, "failed");
  }

  onConnected(): void {
    const { upstream } = this;
    if (upstream === null) return;
    if (this.requestBody.isDone) {
      upstream.writeWhole(this.message);
      this.enter("waiting");
      return this.client.onWritable();
    }
    upstream.together(() => {
      upstream.write(this.message);
      this.enter("sending");
      this.client.onWritable();
    });
  }

  onInterim(head: ResponseHead): void {
    if (this.options.head.isHttp10) return;
    this.client.write(`HTTP/1.1 ${head.statusText}\r\n${head.forwarded}\r\n`);
  }

  onHead(head: ResponseHead, endsByClose: boolean): void {
    const request = this.options.head;
    const isDecoded = request.isHttp10 && head.isChunked;
    this.mustClose =
      request.wantsClose ||
      endsByClose ||
      isDecoded ||
      !this.requestBody.isDone ||
      this.options.services.isDraining();
    const connection = this.mustClose
      ? "connection: close\r\n"
      : request.isHttp10
        ? "connection: keep-alive\r\n"
        : "";
    const { plan, record } = this.options;
    const lines = plan.editResponse?.(head.status, head.forwarded) ?? head.forwarded;
    this.heldHead = `HTTP/1.1 ${head.statusText}\r\n${lines}x-bifrost-request-id: ${record.requestId}\r\n${connection}\r\n`;
    this.responseLines = head.forwarded;
    this.noteAnswer(head.status);
    this.enter("responding");
  }

  onBody(part: Buffer | string): void {
    if (!this.writeWithHead(part)) this.upstream?.pause();
  }

  onRead(): void {
    if (this.heldHead !== "") this.flushHead();
  }

  onEnd(): void {
    this.upstream = null;
    if (this.heldHead !== "") this.flushHead();
    const isCutShort = !this.requestBody.isDone;
    this.phase = "over";
    this.client.onDone(this.mustClose || isCutShort);
  }

  onTunnel(head: ResponseHead, rest: Buffer): void {
    const upgrade = head.upgrade ?? this.options.head.upgrade ?? "";
    this.client.write(
      `HTTP/1.1 ${head.statusText}\r\n${head.forwarded}x-bifrost-request-id: ${this.options.record.requestId}\r\nconnection: upgrade\r\nupgrade: ${upgrade}\r\n\r\n`,
    );
    if (rest.length > 0) this.client.write(Buffer.from(rest));
    this.noteAnswer(head.status);
    this.enter("tunnel");
    this.client.onWritable();
  }

  onTunnelData(part: Buffer): void {
    if (!this.client.write(Buffer.from(part))) this.upstream?.pause();
  }

  onTunnelEnd(): void {
    this.client.onTunnelEnd(false);
  }

  onDrain(): void {
    this.client.resume();
  }

  onFailure(failure: UpstreamFailure): void {
    const isReused = this.upstream?.isReused === true;
    const { address = "" } = this.upstream ?? {};
    const { services } = this.options;
    this.upstream = null;
    if (failure === "connect-refused" || failure === "connect-timeout") {
      services.onAttempt(address, "refused");
      return this.tryNext(failure === "connect-timeout" ? "upstream-timeout" : "upstream-failed");
    }
    // A replica may close an idle connection in the instant it is used again: that says nothing against it.
    if (failure === "no-answer" && isReused) return this.foundStale(address);
    if (this.phase !== "tunnel") services.onAttempt(address, "failed");
    this.giveUp("upstream-failed");
  }

  private foundStale(address: string): void {
    if (!this.isReplayable || this.hasReplayed) return this.giveUp("upstream-failed");
    this.hasReplayed = true;
    this.noteRetry();
    this.attach(this.options.services.pool.open(address), "overloaded");
  }

  private tryNext(otherwise: PageKind): void {
    const { plan, services } = this.options;
    const address = plan.addresses[this.tried];
    if (address === undefined || this.tried >= MAX_ADDRESSES) return this.giveUp(otherwise);
    if (this.tried > 0) this.noteRetry();
    this.tried++;
    this.attach(services.pool.take(address, this.isReplayable), null);
  }

  private noteRetry(): void {
    this.options.services.metrics.retried++;
    this.options.record.retries++;
  }

  private noteAnswer(status: number): void {
    const { record, services } = this.options;
    const isUnavailable = status === 502 || status === 503 || status === 504;
    record.status = status;
    services.onAttempt(record.address ?? "", isUnavailable ? "unavailable" : "answered");
  }

  private attach(connection: UpstreamConnection | null, otherwise: PageKind | null): void {
    if (connection === null) {
      return otherwise === null ? this.tryNext("overloaded") : this.giveUp(otherwise);
    }
    const { head, record } = this.options;
    this.upstream = connection;
    record.address = connection.address;
    this.enter("connecting");
    connection.use(this, {
      isHead: head.method === "HEAD",
      isForHttp10: head.isHttp10,
      wantsUpgrade: head.upgrade !== null,
    });
  }

  private giveUp(kind: PageKind): void {
    const hasBegun = this.phase === "responding" && this.heldHead === "";
    const isTunnel = this.phase === "tunnel";
    this.phase = "over";
    if (isTunnel) this.client.onTunnelEnd(true);
    else if (hasBegun) this.client.onBroken();
    else this.client.onPage(kind);
  }

  private enter(phase: ExchangePhase): void {
    this.phase = phase;
    if (phase === "responding" && !this.requestBody.isDone) this.upstream?.doNotKeep();
    this.client.onPhase(phase);
  }

  private flushHead(): void {
    const head = this.heldHead;
    this.heldHead = "";
    this.client.write(head);
  }

  private writeWithHead(part: Buffer | string): boolean {
    const head = this.heldHead;
    if (head === "") return this.client.write(kept(part));
    this.heldHead = "";
    if (head.length + part.length <= JOINT_WRITE_BYTES) {
      return this.client.write(head + (typeof part === "string" ? part : part.toString("latin1")));
    }
    this.client.write(head);
    return this.client.write(kept(part));
  }
}

/** A buffer is only lent and the client may take its time. */
function kept(part: Buffer | string): Buffer | string {
  return typeof part === "string" ? part : Buffer.from(part);
}

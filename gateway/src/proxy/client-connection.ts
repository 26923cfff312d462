/** One client: takes requests off its socket in order, one exchange at a time, and keeps the deadlines. */
import type { Socket } from "node:net";
import { NO_BODY, unreadBody, type BodyFraming } from "./body-framing.ts";
import { PayloadTooLarge, ChunkedError } from "./chunked.ts";
import { ClientOrigin } from "./client-origin.ts";
import { ClientOutput } from "./client-output.ts";
import type { ExchangeClient, ExchangePhase } from "./exchange-client.ts";
import { Exchange } from "./forward.ts";
import type { PageKind } from "./pages.ts";
import { isHeadError, parseRequestHead, type RequestHead } from "./parse-head.ts";
import { Patience } from "./patience.ts";
import { type Plan, planRequest, type WaitingPlan } from "./plan-request.ts";
import { bodyTooLarge, ownReply, pageReply, refusal, type Reply } from "./replies.ts";
import { readIntoOne } from "./read-into-one.ts";
import { RequestBuffer } from "./request-buffer.ts";
import { RequestRecord, type ServedEnd } from "./served.ts";
import type { ProxyServices } from "./services.ts";
import { WaitingExchange } from "./waiting-exchange.ts";
import { StaticExchange } from "../static/static-exchange.ts";

/** After an answer that ends the connection, how long to read on so that the answer is not lost to a reset. */
const LINGER_MS = 1000;
/** What nginx writes for a client that left before there was a status. */
const CLIENT_LEFT = 499;

type AnyExchange = Exchange | StaticExchange | WaitingExchange;

export class ClientConnection implements ExchangeClient {
  private readonly socket: Socket;
  private readonly services: ProxyServices;
  private readonly origin: ClientOrigin;
  private readonly patience: Patience;
  private readonly input = new RequestBuffer();
  private readonly output: ClientOutput;
  private exchange: AnyExchange | null = null;
  private phase: ExchangePhase = "over";
  private isClosing = false;
  private isPumping = false;
  /** Of the request that is under way. */
  private record: RequestRecord | null = null;
  /** What is still to come of a request that was answered without it. */
  private unread: BodyFraming = NO_BODY;

  constructor(socket: Socket, services: ProxyServices) {
    this.socket = socket;
    this.services = services;
    this.origin = new ClientOrigin(socket.remoteAddress, services.publicScheme, services.isTrusted);
    services.clock.read();
    this.patience = new Patience(socket, services.clock, services.limits);
    this.patience.endsIn(services.limits.headMs);
    this.output = new ClientOutput(socket, services.pool.turnEnd, () =>
      this.patience.endsIn(services.limits.stallMs),
    );
    readIntoOne(socket, (data) => this.received(data));
    socket.on("drain", () => this.drained());
    socket.on("end", () => this.ended());
    socket.on("error", () => undefined);
    socket.on("close", () => this.closed());
  }

  /** Milliseconds since the epoch at which onDeadline is due; Infinity = none. */
  get deadline(): number {
    return this.patience.deadline;
  }

  get isIdle(): boolean {
    return this.exchange === null && this.input.isEmpty && this.unread.isDone;
  }

  /** Closes at once when idle; otherwise with the response that is under way. */
  drain(): void {
    if (!this.isIdle) return;
    this.output.flush();
    // What the last response left behind is still on its way to a slow reader.
    if (this.socket.writableLength > 0) this.close();
    else this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  onDeadline(): void {
    const isFlowing = this.phase === "responding" || this.phase === "tunnel";
    if (isFlowing || this.socket.writableLength > 0) return this.stalled();
    if (this.isClosing || this.isIdle || !this.unread.isDone) return this.destroy();
    const { exchange } = this;
    const isOurs = exchange !== null && (this.phase !== "sending" || this.socket.isPaused());
    if (isOurs) exchange.timedOut();
    const edit = exchange?.pageEdit;
    this.reply(pageReply(isOurs ? "upstream-timeout" : "request-timeout", { closes: true, edit }));
  }

  /** Goes on while something moves; else it is the client that takes nothing, or the replica that sends nothing. */
  private stalled(): void {
    if (this.patience.hasMoved()) return this.patience.prolong(this.phase);
    const isReplicaSilent = this.phase === "responding" && this.socket.writableLength === 0;
    if (!isReplicaSilent) return this.destroy();
    if (this.exchange?.isEventStream === true) return this.patience.endsIn(Infinity);
    this.exchange?.timedOut();
    this.onBroken();
  }

  // The exchange's side.

  write(data: Buffer | string): boolean {
    if (this.record !== null) this.record.bytesOut += data.length;
    return this.output.write(data);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  onWritable(): void {
    this.socket.resume();
    this.pump();
  }

  onPhase(phase: ExchangePhase): void {
    this.phase = phase;
    const { bodyMs, answerMs } = this.services.limits;
    if (phase === "sending") this.patience.endsIn(bodyMs);
    else if (phase === "waiting" || phase === "connecting") this.patience.endsIn(answerMs);
    if (phase === "connecting" && this.record !== null)
      this.record.askedAt = this.services.clock.now();
    if (phase === "responding" || phase === "tunnel") this.answered();
  }

  onPlanned(plan: Plan): void {
    const { record } = this;
    if (record === null || record.head === null) return;
    this.services.clock.read();
    this.exchange = null;
    this.phase = "over";
    this.carryOut(plan, record.head, record);
  }

  onDone(mustClose: boolean): void {
    this.exchange = null;
    if (mustClose) return this.close();
    this.ready();
  }

  onPage(kind: PageKind): void {
    this.reply(pageReply(kind, { edit: this.exchange?.pageEdit }));
  }

  onBroken(): void {
    this.services.metrics.broken++;
    this.exchange?.abort();
    this.exchange = null;
    this.finish("broken");
    // A reset: a plain close would look like the proper end of a response that is framed by it.
    this.socket.resetAndDestroy();
  }

  onTunnelEnd(isGone: boolean): void {
    this.output.flush();
    if (!isGone) {
      this.socket.end();
      return;
    }
    this.exchange = null;
    this.close();
  }

  // The socket's side.

  /** `data` is only lent. */
  private received(data: Buffer): void {
    if (this.isClosing) return;
    this.services.clock.read();
    if (this.isIdle) this.patience.endsIn(this.services.limits.headMs);
    this.input.push(data);
    this.pump();
    this.input.keep();
  }

  /** Takes what can be taken of the input. Calls of itself through the exchange end at once. */
  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    while (!this.input.isEmpty && !this.isClosing && this.takeSome());
    this.isPumping = false;
    const isBusy = this.exchange !== null || this.socket.writableNeedDrain;
    if (this.input.isFull && isBusy) this.socket.pause();
  }

  /** Whether it is worth trying again. */
  private takeSome(): boolean {
    if (!this.unread.isDone) return this.skipBody();
    if (this.exchange !== null) return this.exchange.wantsBody && this.feed(this.exchange);
    return !this.socket.writableNeedDrain && this.takeHead();
  }

  private feed(exchange: AnyExchange): boolean {
    if (this.phase === "sending") this.patience.endsIn(this.services.limits.bodyMs);
    try {
      this.input.offer((data) => {
        const taken = exchange.feed(data);
        if (this.record !== null) this.record.bytesIn += taken;
        return taken;
      });
    } catch (error) {
      this.refuseBody(error);
    }
    return true;
  }

  /** The body of a request that has its answer already, so that the connection can go on. */
  private skipBody(): boolean {
    try {
      this.input.offer((data) => {
        const end = this.unread.feed(data, 0);
        return end < 0 ? data.length : end;
      });
    } catch (error) {
      if (!(error instanceof ChunkedError)) throw error;
      this.unread = NO_BODY;
      this.close();
      return false;
    }
    if (this.unread.isDone) this.ready();
    return true;
  }

  private takeHead(): boolean {
    const text = this.input.takeHead();
    if (text === null) return false;
    this.services.metrics.requests++;
    const record = this.newRecord();
    if (typeof text !== "string") {
      this.reply(refusal(text));
      return false;
    }
    record.bytesIn = text.length;
    const head = parseRequestHead(text);
    if (isHeadError(head)) this.reply(refusal(head));
    else this.begin(head, record);
    return true;
  }

  private newRecord(): RequestRecord {
    const record = new RequestRecord(this.services.clock.now(), this.services.nextRequestId());
    record.ip = this.origin.ip;
    this.record = record;
    return record;
  }

  private begin(head: RequestHead, record: RequestRecord): void {
    const { services, origin } = this;
    origin.read(head);
    record.head = head;
    record.ip = origin.ip;
    if (head.contentLength > services.limits.maxBodyBytes) return this.tooLarge();
    this.carryOut(planRequest(head, services, origin, record), head, record);
  }

  private carryOut(plan: Plan | WaitingPlan, head: RequestHead, record: RequestRecord): void {
    const { services } = this;
    if (plan.kind === "page" || plan.kind === "answer") return this.reply(ownReply(plan));
    if (plan.kind === "waits") this.exchange = new WaitingExchange(this, { plan, services });
    else if (plan.kind === "files")
      this.exchange = new StaticExchange(this, { head, plan, record, services });
    else this.exchange = new Exchange(this, { head, plan, record, services });
    this.exchange.start();
  }

  private tooLarge(): void {
    this.reply(bodyTooLarge(this.services.limits.maxBodyBytes));
  }

  private refuseBody(error: unknown): void {
    if (!(error instanceof ChunkedError)) throw error;
    // A page in the middle of a response would be taken for a part of it.
    if (this.phase === "responding") this.onBroken();
    else if (error instanceof PayloadTooLarge) this.tooLarge();
    else this.reply(refusal({ status: 400, problem: "The chunked body is malformed." }));
  }

  /** Writes an answer of our own and goes on with the next request, or closes. */
  private reply(answer: Reply): void {
    const record = this.record ?? this.newRecord();
    const { head } = record;
    const unread = this.unreadOf(head);
    this.exchange?.abort();
    this.exchange = null;
    const closes =
      answer.closes || unread === null || head?.wantsClose === true || this.services.isDraining();
    this.services.metrics.pages++;
    record.status = answer.status;
    record.page = answer.page;
    this.phase = "over";
    this.write(answer.render(record, { closes, now: this.services.clock.now() }));
    if (closes) return this.close();
    if (unread.isDone) return this.ready();
    this.unread = unread;
    this.patience.endsIn(this.services.limits.bodyMs);
    this.finish("complete");
    this.socket.resume();
    this.pump();
  }

  /** What is left of the request's body; null = too much, or not known any more. */
  private unreadOf(head: RequestHead | null): BodyFraming | null {
    if (this.exchange?.hasWholeRequest === true) return NO_BODY;
    const isUntouched = this.phase === "over" || this.phase === "connecting";
    return head === null || !isUntouched ? null : unreadBody(head);
  }

  private answered(): void {
    const { record } = this;
    if (record?.isGossip !== true) this.services.metrics.forwarded++;
    this.patience.prolong(this.phase);
    if (record === null || record.address === null) return;
    record.upstreamMs = this.services.clock.now() - record.askedAt;
  }

  /** For the next request on this connection. */
  private ready(): void {
    this.phase = "over";
    if (this.services.isDraining()) return this.close();
    const { stallMs, idleMs } = this.services.limits;
    this.patience.endsIn(this.socket.writableNeedDrain ? stallMs : idleMs);
    this.finish("complete");
    this.socket.resume();
    this.pump();
  }

  private close(): void {
    this.isClosing = true;
    this.phase = "over";
    this.input.clear();
    this.patience.endsIn(LINGER_MS);
    this.finish("complete");
    this.output.flush();
    this.socket.end();
    this.socket.resume();
  }

  /** Tells of the request once. */
  private finish(end: ServedEnd): void {
    const { record } = this;
    if (record === null) return;
    this.record = null;
    record.end = end;
    record.durationMs = this.services.clock.now() - record.at;
    if (!record.isGossip) this.services.onServed(record);
  }

  private drained(): void {
    this.services.clock.read();
    if (this.phase === "responding" || this.phase === "tunnel") this.patience.prolong(this.phase);
    this.exchange?.clientDrained();
    this.pump();
    if (this.exchange === null && !this.input.isFull) this.socket.resume();
  }

  /**
   * A client that stops sending in mid-request or while it waits is taken to be gone, as nginx does: the
   * alternative would keep replicas working for closed browser tabs.
   */
  private ended(): void {
    if (this.phase === "tunnel") this.exchange?.clientEnded();
    else if (this.exchange !== null) this.socket.destroy();
    else if (!this.isClosing) this.close();
  }

  private closed(): void {
    this.services.clock.read();
    this.exchange?.abort();
    this.exchange = null;
    if (this.record?.status === 0) this.record.status = CLIENT_LEFT;
    this.finish(this.phase === "tunnel" ? "complete" : "client-left");
    this.services.onClosed(this);
  }
}

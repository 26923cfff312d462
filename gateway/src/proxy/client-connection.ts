/** One client: takes requests off its socket in order, one exchange at a time, and keeps the deadlines. */
import type { Socket } from "node:net";
import type { HeaderEdit } from "../policies/policy-chain.ts";
import { ChunkedError } from "./chunked.ts";
import { Exchange, type ExchangeClient, type ExchangePhase } from "./forward.ts";
import { fieldIn } from "./header-block.ts";
import { renderAnswer, renderPage, type AnswerFacts, type PageKind } from "./pages.ts";
import {
  isHeadError,
  MAX_HEAD_BYTES,
  parseRequestHead,
  type HeadError,
  type RequestHead,
} from "./parse-head.ts";
import { planRequest, type OwnAnswer } from "./plan-request.ts";
import type { ProxyServices } from "./services.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
/** Pipelined bytes kept while an exchange runs; more stay in the kernel. */
const MAX_PENDING_BYTES = 64 * 1024;
/** After an answer that ends the connection, how long to read on so that the answer is not lost to a reset. */
const LINGER_MS = 1000;

export class ClientConnection implements ExchangeClient {
  /** Milliseconds since the epoch at which onDeadline is due; Infinity = none. */
  deadline: number;
  private readonly socket: Socket;
  private readonly services: ProxyServices;
  private readonly ip: string;
  private pending: Buffer | null = null;
  /** Where the search for the end of the head goes on. */
  private searched = 0;
  private exchange: Exchange | null = null;
  private phase: ExchangePhase = "over";
  private isClosing = false;
  private isPumping = false;
  private current: { head: RequestHead | null; requestId: string } = { head: null, requestId: "" };

  constructor(socket: Socket, services: ProxyServices) {
    this.socket = socket;
    this.services = services;
    this.ip = (socket.remoteAddress ?? "unknown").replace(/^::ffff:/, "");
    this.deadline = this.in(services.limits.headMs);
    socket.on("data", (data) => this.received(data));
    socket.on("drain", () => this.drained());
    socket.on("end", () => this.ended());
    socket.on("error", () => undefined);
    socket.on("close", () => this.closed());
  }

  get isIdle(): boolean {
    return this.exchange === null && this.pending === null;
  }

  /** Closes at once when idle; otherwise with the response that is under way. */
  drain(): void {
    if (this.isIdle) this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  onDeadline(): void {
    if (this.isClosing || this.isIdle || this.phase === "responding" || this.phase === "tunnel") {
      this.socket.destroy();
      return;
    }
    const isOurs = this.exchange !== null && (this.phase !== "sending" || this.socket.isPaused());
    this.page(isOurs ? "upstream-timeout" : "request-timeout", { closes: true });
  }

  // The exchange's side.

  write(data: Buffer | string): boolean {
    const isTaken =
      typeof data === "string" ? this.socket.write(data, "latin1") : this.socket.write(data);
    if (!isTaken) this.deadline = this.in(this.services.limits.stallMs);
    return isTaken;
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
    if (phase === "sending") this.deadline = this.in(bodyMs);
    else if (phase === "waiting" || phase === "connecting") this.deadline = this.in(answerMs);
    else if (phase === "responding" || phase === "tunnel") this.deadline = Infinity;
    if (phase === "responding" || phase === "tunnel") this.services.metrics.forwarded++;
  }

  onDone(mustClose: boolean): void {
    this.exchange = null;
    if (mustClose) return this.close();
    this.ready();
  }

  onPage(kind: PageKind): void {
    const hasWholeRequest = this.exchange?.hasWholeRequest === true;
    this.exchange = null;
    this.page(kind, { closes: !hasWholeRequest });
  }

  onBroken(): void {
    this.services.metrics.broken++;
    this.exchange = null;
    // A reset: a plain close would look like the proper end of a response that is framed by it.
    this.socket.resetAndDestroy();
  }

  onTunnelEnd(isGone: boolean): void {
    if (!isGone) {
      this.socket.end();
      return;
    }
    this.exchange = null;
    this.close();
  }

  // The socket's side.

  private received(data: Buffer): void {
    if (this.isClosing) return;
    if (this.pending === null && this.exchange === null) {
      this.deadline = this.in(this.services.limits.headMs);
    }
    this.pending = this.pending === null ? data : Buffer.concat([this.pending, data]);
    this.pump();
  }

  /** Takes what can be taken off `pending`. Calls of itself through the exchange end at once. */
  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    while (this.pending !== null && !this.isClosing && this.takeSome());
    this.isPumping = false;
    const isFull = this.pending !== null && this.pending.length > MAX_PENDING_BYTES;
    if (isFull && this.exchange !== null) this.socket.pause();
  }

  private takeSome(): boolean {
    if (this.exchange === null) return !this.socket.writableNeedDrain && this.takeHead();
    if (!this.exchange.wantsBody) return false;
    const data = this.pending ?? Buffer.alloc(0);
    this.pending = null;
    if (this.phase === "sending") this.deadline = this.in(this.services.limits.bodyMs);
    try {
      this.putBack(data, this.exchange.feed(data));
    } catch (error) {
      if (!(error instanceof ChunkedError)) throw error;
      this.refuse({ status: 400, problem: "The chunked body is malformed." });
    }
    return this.pending !== null;
  }

  private takeHead(): boolean {
    const data = this.pending ?? Buffer.alloc(0);
    const end = data.indexOf(HEAD_END, this.searched);
    if (end > MAX_HEAD_BYTES || (end < 0 && data.length > MAX_HEAD_BYTES)) {
      this.refuse({ status: 431, problem: `The head is larger than ${MAX_HEAD_BYTES} bytes.` });
      return false;
    }
    if (end < 0) {
      this.searched = Math.max(0, data.length - 3);
      return false;
    }
    this.searched = 0;
    this.pending = null;
    this.putBack(data, end + 4);
    const head = parseRequestHead(data.toString("latin1", 0, end + 4));
    this.current = { head: null, requestId: this.services.nextRequestId() };
    this.services.metrics.requests++;
    if (isHeadError(head)) this.refuse(head);
    else this.begin(head);
    return true;
  }

  private putBack(data: Buffer, from: number): void {
    if (from >= data.length) return;
    const rest = data.subarray(from);
    this.pending = this.pending === null ? rest : Buffer.concat([rest, this.pending]);
  }

  private begin(head: RequestHead): void {
    const { services } = this;
    const { requestId } = this.current;
    this.current = { head, requestId };
    const planned = planRequest(head, services, { ip: this.ip, id: requestId });
    if (planned.kind !== "forward") return this.answer(planned);
    this.exchange = new Exchange(this, {
      addresses: planned.addresses,
      target: planned.target,
      headers: planned.headers,
      editResponse: planned.editResponse,
      head,
      requestId,
      pool: services.pool,
      onRefused: services.onRefused,
      onRetry: () => services.metrics.retried++,
      isDraining: services.isDraining,
    });
    this.exchange.start();
  }

  private refuse(error: HeadError): void {
    if (this.current.requestId === "") this.current.requestId = this.services.nextRequestId();
    this.page("bad-request", { closes: true, status: error.status, detail: error.problem });
  }

  private answer(own: OwnAnswer): void {
    const { head } = this.current;
    const closes = head !== null && (head.isChunked || head.contentLength > 0);
    if (own.kind === "page") return this.page(own.page, { closes, edit: own.edit });
    this.reply(closes, (answer) => renderAnswer({ ...answer, ...own }));
  }

  private page(
    kind: PageKind,
    options: { closes: boolean; status?: number; detail?: string; edit?: HeaderEdit | null },
  ): void {
    const accept = fieldIn(this.current.head?.forwarded ?? "", "accept") ?? "";
    this.reply(options.closes, (answer) => renderPage({ ...options, ...answer, kind, accept }));
  }

  /** Writes what `render` makes and goes on with the next request, or closes. */
  private reply(mustClose: boolean, render: (facts: AnswerFacts) => string): void {
    this.exchange?.abort();
    this.exchange = null;
    const { head } = this.current;
    const requestId = this.current.requestId || this.services.nextRequestId();
    const closes = mustClose || head?.wantsClose === true || this.services.isDraining();
    this.services.metrics.pages++;
    this.socket.write(render({ requestId, closes, isHead: head?.method === "HEAD" }), "latin1");
    if (closes) this.close();
    else this.ready();
  }

  /** For the next request on this connection. */
  private ready(): void {
    this.phase = "over";
    this.current = { head: null, requestId: "" };
    if (this.services.isDraining()) return this.close();
    this.deadline = this.in(this.services.limits.idleMs);
    this.socket.resume();
    this.pump();
  }

  private close(): void {
    this.isClosing = true;
    this.pending = null;
    this.deadline = this.in(LINGER_MS);
    this.socket.end();
    this.socket.resume();
  }

  private drained(): void {
    if (this.phase === "responding" || this.phase === "tunnel") this.deadline = Infinity;
    this.exchange?.clientDrained();
    this.pump();
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
    this.exchange?.abort();
    this.exchange = null;
    this.services.onClosed(this);
  }

  private in(delayMs: number): number {
    return this.services.timers.now() + delayMs;
  }
}

/**
 * One request for a static site and its response: from memory at once, from Cloud Storage as it comes, with backpressure
 * either way.
 */
import { STATUS_CODES } from "node:http";
import type { ExchangeClient, ExchangePhase } from "../proxy/exchange-client.ts";
import { fieldIn } from "../proxy/header-block.ts";
import type { RequestHead } from "../proxy/parse-head.ts";
import type { ServeFiles } from "../proxy/plan-request.ts";
import type { RequestRecord } from "../proxy/served.ts";
import { dateLine } from "../proxy/date-line.ts";
import type { ProxyServices } from "../proxy/services.ts";
import type { HeaderEdit } from "../policies/policy-chain.ts";
import { decideAnswer, type ContentPart, type SiteAnswer } from "./decide-answer.ts";
import type { LoadedSite } from "./find-file.ts";

/** Head and content up to this many bytes leave as one string; larger contents leave in pieces of PIECE_BYTES. */
const JOINT_WRITE_BYTES = 16 * 1024;
const PIECE_BYTES = 64 * 1024;

export interface StaticExchangeOptions {
  readonly head: RequestHead;
  readonly plan: ServeFiles;
  /** Gets the status. */
  readonly record: RequestRecord;
  readonly services: Pick<ProxyServices, "sites" | "isDraining" | "clock">;
}

type Answer = Extract<SiteAnswer, { kind: "answer" }>;

export class StaticExchange {
  /** The request's body, if there is one, is of no use to a file. */
  readonly wantsBody = false;
  readonly isEventStream = false;
  readonly hasWholeRequest: boolean;
  private readonly client: ExchangeClient;
  private readonly options: StaticExchangeOptions;
  private readonly cancelled = new AbortController();
  private phase: ExchangePhase = "waiting";
  private whenDrained: (() => void) | null = null;

  constructor(client: ExchangeClient, options: StaticExchangeOptions) {
    const { head } = options;
    this.client = client;
    this.options = options;
    this.hasWholeRequest = !head.isChunked && head.contentLength === 0;
  }

  start(): void {
    const { services, plan } = this.options;
    this.client.onPhase("waiting");
    const site = services.sites.site(plan.manifest);
    if (site instanceof Promise) site.then((loaded) => this.answer(loaded)).catch(this.failed);
    else this.answer(site);
  }

  get pageEdit(): HeaderEdit | null {
    return this.options.plan.editPage;
  }

  feed(data: Buffer): number {
    return data.length;
  }

  clientDrained(): void {
    this.whenDrained?.();
    this.whenDrained = null;
  }

  clientEnded(): void {
    this.abort();
  }

  /** The client is gone or gave up: nothing more is read for it. */
  abort(): void {
    this.phase = "over";
    this.cancelled.abort();
    this.clientDrained();
  }

  /** The reader has limits of its own and tells what exceeds them. */
  timedOut(): void {}

  private answer(site: LoadedSite): void {
    if (this.phase === "over") return;
    const { head, plan, services } = this.options;
    const { headers, target, manifest } = plan;
    const header = (name: string): string | undefined => fieldIn(headers, name);
    const answer = decideAnswer(site, { method: head.method, target, header });
    if (answer.kind === "nothing") return this.page("file-not-found");
    const { body } = answer;
    if (body === null || typeof body === "string")
      return this.sendAtOnce(answer, Buffer.from(body ?? "", "latin1"));
    const content = services.sites.content(manifest, body);
    if (content === null) void this.sendStream(answer, body).catch(this.failed);
    else if (content instanceof Promise)
      content.then((all) => this.sendBytes(answer, all)).catch(this.failed);
    else this.sendBytes(answer, content);
  }

  private sendBytes(answer: Answer, bytes: Buffer): void {
    if (bytes.length <= JOINT_WRITE_BYTES) return this.sendAtOnce(answer, bytes);
    void this.sendParts(answer, piecesOf(bytes)).catch(this.failed);
  }

  private sendAtOnce(answer: Answer, bytes: Buffer): void {
    if (this.phase === "over") return;
    this.enterResponding();
    this.client.write(this.headOf(answer) + bytes.toString("latin1"));
    this.done();
  }

  private sendStream(answer: Answer, part: ContentPart): Promise<void> {
    const { services, plan } = this.options;
    const { signal } = this.cancelled;
    return this.sendParts(answer, services.sites.stream(plan.manifest, part, signal));
  }

  /** The head waits for the first part: until then a failure can still be told with a page. */
  private async sendParts(
    answer: Answer,
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    for await (const part of parts) {
      if (this.phase === "over") return;
      if (this.phase === "waiting") {
        this.enterResponding();
        this.client.write(this.headOf(answer));
      }
      if (!this.client.write(Buffer.from(part.buffer, part.byteOffset, part.byteLength)))
        await this.drained();
    }
    this.done();
  }

  private drained(): Promise<void> {
    return new Promise((resolve) => {
      this.whenDrained = resolve;
    });
  }

  private enterResponding(): void {
    this.phase = "responding";
    this.client.onPhase("responding");
  }

  private get mustClose(): boolean {
    const { head, services } = this.options;
    return head.wantsClose || !this.hasWholeRequest || services.isDraining();
  }

  private headOf({ status, headers }: Answer): string {
    const { head, plan, record, services } = this.options;
    record.status = status;
    const lines = plan.editResponse?.(status, headers) ?? headers;
    const kept = head.isHttp10 ? "connection: keep-alive\r\n" : "";
    const connection = this.mustClose ? "connection: close\r\n" : kept;
    return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines}${dateLine(services.clock.now())}x-bifrost-request-id: ${record.requestId}\r\n${connection}\r\n`;
  }

  private done(): void {
    if (this.phase === "over") return;
    const { mustClose } = this;
    this.phase = "over";
    this.client.onDone(mustClose);
  }

  private page(kind: "file-not-found" | "files-unavailable"): void {
    this.phase = "over";
    this.client.onPage(kind);
  }

  /** The reader has told the cause. */
  private readonly failed = (): void => {
    if (this.phase === "over") return;
    if (this.phase === "waiting") return this.page("files-unavailable");
    this.phase = "over";
    this.client.onBroken();
  };
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += PIECE_BYTES)
    yield bytes.subarray(from, from + PIECE_BYTES);
}

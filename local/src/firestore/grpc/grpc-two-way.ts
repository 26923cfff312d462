/** Two-way gRPC calls: they live until either side ends them, or the token that opened them expires. */
import { Metadata, type ServerDuplexStream, type UntypedHandleCall } from "@grpc/grpc-js";
import type { Timer } from "@bifrost/shared/domain/time";
import { callerOf, serviceError, type GrpcParts } from "./grpc-call.ts";
import type { OpenCall, TwoWayMethod } from "../rpc/method.ts";
import { SendQueue, type SendBudget } from "../edge/send-queue.ts";
import { endWhenTokenExpires } from "../edge/token-expiry.ts";
import type { Json } from "../wire-json.ts";

export interface TwoWayParts extends GrpcParts {
  readonly budget: SendBudget;
  readonly serialize: (response: object) => Buffer;
}

/** Requests that arrive while the caller is still being verified wait in the stream. */
export function twoWay(parts: TwoWayParts, method: TwoWayMethod): UntypedHandleCall {
  return async (stream: ServerDuplexStream<Json, Buffer>) => {
    stream.sendMetadata(new Metadata());
    const call = new TwoWayCall(parts, stream);
    try {
      await call.open(method);
    } catch (error) {
      call.fail(error);
    }
  };
}

class TwoWayCall {
  readonly #parts: TwoWayParts;
  readonly #stream: ServerDuplexStream<Json, Buffer>;
  readonly #queue: SendQueue;
  #open: OpenCall | undefined;
  #expiry: Timer | undefined;
  #isOver = false;

  constructor(parts: TwoWayParts, stream: ServerDuplexStream<Json, Buffer>) {
    this.#parts = parts;
    this.#stream = stream;
    this.#queue = new SendQueue({
      budget: parts.budget,
      maxUnsentBytes: parts.limits.maxUnsentBytes,
      write: (message, done) => stream.write(message, done),
      overflow: (error) => {
        this.#finish();
        stream.emit("error", serviceError(parts, error));
      },
    });
    stream.on("cancelled", () => {
      this.#finish();
      this.#queue.drop();
    });
    stream.on("error", () => this.#finish());
  }

  async open(method: TwoWayMethod): Promise<void> {
    const { context } = this.#parts;
    const caller = await callerOf(this.#parts, this.#stream.metadata);
    if (this.#isOver) return;
    const fail = (error: unknown): void => this.fail(error);
    this.#open = method(context, caller, { send: (response) => this.#send(response), fail });
    if (this.#isOver) return this.#finish(); // refused while it opened
    this.#expiry = endWhenTokenExpires(context.timers, caller, fail);
    this.#stream.on("data", (request: Json) => this.#receive(request));
    this.#stream.on("end", () => void this.#endWhenAnswered());
  }

  /** The client sends no more, yet it still reads: what it sent is carried out and answered first. */
  async #endWhenAnswered(): Promise<void> {
    await this.#open?.finish?.();
    if (this.#isOver) return;
    this.#finish();
    this.#queue.end(() => this.#stream.end());
  }

  /** What was sent before still arrives before the error does. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#queue.end(() => this.#stream.emit("error", serviceError(this.#parts, error)));
  }

  #receive(request: Json): void {
    try {
      this.#open?.receive(request);
    } catch (error) {
      this.fail(error);
    }
  }

  #send(response: object): void {
    if (this.#isOver) return;
    try {
      this.#queue.push(this.#parts.serialize(response));
    } catch (error) {
      this.fail(error);
    }
  }

  #finish(): void {
    this.#isOver = true;
    this.#expiry?.cancel();
    this.#open?.close();
    this.#open = undefined;
  }
}

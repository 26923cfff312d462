/** The client's side of an exchange: what the exchange needs of it and tells it. */
import type { PageKind } from "./pages.ts";
import type { Plan } from "./plan-request.ts";

export type ExchangePhase = "connecting" | "sending" | "waiting" | "responding" | "tunnel" | "over";

export interface ExchangeClient {
  write(data: Buffer | string): boolean;
  pause(): void;
  resume(): void;
  /** The upstream is connected: feed what is pending of the body. */
  onWritable(): void;
  onPhase(phase: ExchangePhase): void;
  /** Policies of a request that waited for them have decided. */
  onPlanned(plan: Plan): void;
  /** The response is complete. */
  onDone(mustClose: boolean): void;
  /** Nothing of a response has been written: answer with a page. */
  onPage(kind: PageKind): void;
  /** A response has begun and cannot be completed: the client must see that it broke off. */
  onBroken(): void;
  /** The upstream will send nothing more; `isGone`: nor take anything. */
  onTunnelEnd(isGone: boolean): void;
}

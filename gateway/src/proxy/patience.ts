/** How long one client's connection may go on as it is: one deadline, which the listener's sweep looks at. */
import type { Socket } from "node:net";
import type { Clock } from "@bifrost/shared/domain/time";
import type { ExchangePhase } from "./exchange-client.ts";
import type { ProxyLimits } from "./services.ts";

export class Patience {
  /** Milliseconds since the epoch; Infinity = without end. */
  deadline = Infinity;
  private readonly socket: Socket;
  private readonly clock: Clock;
  private readonly limits: ProxyLimits;
  /** What had moved when hasMoved was last asked; -1 = not since another phase began. */
  private seen = -1;

  constructor(socket: Socket, clock: Clock, limits: ProxyLimits) {
    this.socket = socket;
    this.clock = clock;
    this.limits = limits;
  }

  endsIn(delayMs: number): void {
    this.deadline = this.clock.now() + delayMs;
    this.seen = -1;
  }

  /** For bytes on their way, in whatever phase: the time is shorter while it is the client that takes none. */
  prolong(phase: ExchangePhase): void {
    const { stallMs, responseMs, tunnelMs } = this.limits;
    const { seen } = this;
    if (this.socket.writableLength > 0) this.endsIn(stallMs);
    else this.endsIn(phase === "tunnel" ? tunnelMs : responseMs);
    this.seen = seen;
  }

  /**
   * Whether anything has moved since the last time this was asked; true the first time. Asked when the deadline is due,
   * so that progress costs nothing per part, and who stands still is noticed after twice the time at most.
   */
  hasMoved(): boolean {
    const { bytesRead, bytesWritten, writableLength } = this.socket;
    const moved = bytesRead + bytesWritten - writableLength;
    const hasMoved = moved !== this.seen;
    this.seen = moved;
    return hasMoved;
  }
}

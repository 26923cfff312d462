/** What goes to a client: small answers of one turn of the event loop leave together when it ends. */
import type { Socket } from "node:net";
import type { TurnEnd } from "./turn-end.ts";

/** More text than this is written at once; Node writes so much without a buffer of its own. */
const MAX_HELD = 16 * 1024;

export class ClientOutput {
  private readonly socket: Socket;
  private readonly turnEnd: TurnEnd;
  /** The client takes no more for now; "drain" follows. */
  private readonly onFull: () => void;
  private held = "";

  constructor(socket: Socket, turnEnd: TurnEnd, onFull: () => void) {
    this.socket = socket;
    this.turnEnd = turnEnd;
    this.onFull = onFull;
  }

  /** A string has the bytes as latin1. False when the caller should stop until the socket drains. */
  write(data: Buffer | string): boolean {
    if (typeof data !== "string" || this.held.length + data.length > MAX_HELD) {
      this.flush();
      return this.put(data);
    }
    if (this.held === "") this.turnEnd.add(this.flush);
    this.held += data;
    return !this.socket.writableNeedDrain;
  }

  /** To be called before the socket is ended, or asked how much it has still to send. */
  readonly flush = (): void => {
    const text = this.held;
    this.held = "";
    if (text !== "" && !this.socket.destroyed) this.put(text);
  };

  private put(data: Buffer | string): boolean {
    const isTaken =
      typeof data === "string" ? this.socket.write(data, "latin1") : this.socket.write(data);
    if (!isTaken) this.onFull();
    return isTaken;
  }
}

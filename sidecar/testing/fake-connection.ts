/** The other end of a connection, on a script. */
import type { FakeHost } from "./fake-host.ts";

/** What a server does with a connection; `received` is all it got so far. */
export interface FakeServer {
  onOpen?(connection: FakeConnection, host: FakeHost): void;
  onData?(connection: FakeConnection, received: Buffer, host: FakeHost): void;
}

const CONNECTING = 0;
const OPEN = 1;
const REFUSED = -1;
const BROKEN = -2;
const ENDED = 0;
const NOTHING_NOW = -1;

export class FakeConnection {
  /** Closed by the core. */
  isClosed = false;
  received = Buffer.alloc(0);
  server: FakeServer = {};
  /** Bytes it still takes. */
  window = Infinity;
  /** Most bytes handed over at once. */
  slice = Infinity;
  /** Called with the number of bytes the core reads. */
  onGive: (bytes: number) => void = () => undefined;
  private current = CONNECTING;
  private outgoing: Buffer[] = [];
  private hasEnded = false;

  accept(): void {
    this.current = OPEN;
  }

  refuse(): void {
    this.current = REFUSED;
  }

  reset(): void {
    this.current = BROKEN;
  }

  /** No more is sent. */
  end(): void {
    this.hasEnded = true;
  }

  reply(data: string | Buffer): void {
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    if (bytes.length > 0) this.outgoing.push(bytes);
  }

  isReadable(): boolean {
    return this.current === OPEN && (this.outgoing.length > 0 || this.hasEnded);
  }

  isWritable(): boolean {
    return this.current === OPEN && this.window > 0;
  }

  state(): number {
    return this.current;
  }

  take(data: Buffer, host: FakeHost): number {
    if (this.current !== OPEN) return this.current === CONNECTING ? 0 : BROKEN;
    const taken = data.subarray(0, Math.min(data.length, this.window));
    this.window -= taken.length;
    this.received = Buffer.concat([this.received, taken]);
    this.server.onData?.(this, this.received, host);
    return taken.length;
  }

  give(capacity: number): Buffer | number {
    const [first] = this.outgoing;
    if (first === undefined) {
      if (this.current !== OPEN) return BROKEN;
      return this.hasEnded ? ENDED : NOTHING_NOW;
    }
    const part = first.subarray(0, Math.min(capacity, this.slice));
    this.onGive(part.length);
    if (part.length === first.length) this.outgoing.shift();
    else this.outgoing[0] = first.subarray(part.length);
    return part;
  }
}

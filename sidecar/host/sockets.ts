/** Sockets the way the core uses them: numbered, never waited for, asked whether they have something. */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Trust } from "./trust.ts";

const MAX_HANDLES = 8;

/** A socket is not read further while this much waits for the core: a hostile target cannot fill the memory. */
const MAX_WAITING = 16 * 1024;

const READABLE = 1;
const WRITABLE = 2;

const NOTHING_NOW = -1;
const REFUSED = -1;
const BROKEN = -2;
const CONNECTING = 0;
const OPEN = 1;

/** The mode of `open` without TLS. */
const PLAIN = 0;

interface Connection {
  readonly socket: Socket;
  state: number;
  received: Buffer;
  hasEnded: boolean;
  wanted: number;
}

interface Listener {
  readonly server: Server;
  readonly arrived: Socket[];
  wanted: number;
}

export class Sockets {
  private readonly slots: (Connection | Listener | undefined)[] = Array.from({
    length: MAX_HANDLES,
  });
  private readonly trust: Trust;
  private readonly wake: () => void;

  /** `wake` is called when something that is wanted may have happened. */
  constructor(trust: Trust, wake: () => void) {
    this.trust = trust;
    this.wake = wake;
  }

  /** Starts connecting; NOTHING_NOW = no slot, or the authorities to trust cannot be read. */
  open(host: string, port: number, mode: number): number {
    if (!this.slots.includes(undefined)) return NOTHING_NOW;
    const options = { host, port, noDelay: true, allowHalfOpen: true };
    if (mode === PLAIN) return this.add(connect(options), "connect");
    const socket = this.trust.connect(options, mode);
    return socket === null ? NOTHING_NOW : this.add(socket, "secureConnect");
  }

  /** On all addresses, IPv4 and IPv6 where there is one. */
  listen(port: number): number {
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true });
    server.maxConnections = MAX_HANDLES;
    const listener: Listener = { server, arrived: [], wanted: READABLE };
    server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      listener.arrived.push(socket);
      this.changed(listener);
    });
    server.on("error", () => undefined);
    server.listen(port);
    return server.listening ? this.take(listener) : NOTHING_NOW;
  }

  accept(handle: number): number {
    const listener = this.slots[handle];
    if (listener === undefined || !("arrived" in listener)) return NOTHING_NOW;
    const socket = listener.arrived.shift();
    if (socket === undefined) return NOTHING_NOW;
    if (this.slots.includes(undefined)) return this.add(socket, null);
    // Turned away: nobody may keep the program awake by waiting.
    socket.destroy();
    return NOTHING_NOW;
  }

  state(handle: number): number {
    return this.connection(handle)?.state ?? BROKEN;
  }

  want(handle: number, events: number): void {
    const slot = this.slots[handle];
    if (slot !== undefined) slot.wanted = events;
  }

  /** The bytes taken; 0 = none now, BROKEN = never again. The caller may reuse `bytes`. */
  send(handle: number, bytes: Uint8Array): number {
    const connection = this.connection(handle);
    if (connection === undefined || connection.state < 0) return BROKEN;
    const { socket, state } = connection;
    if (state === CONNECTING || socket.writableLength > 0) return 0;
    socket.write(Buffer.from(bytes), () => this.changed(connection));
    return bytes.length;
  }

  /** The bytes put into `into`; 0 = the other side ended, NOTHING_NOW, BROKEN. */
  receive(handle: number, into: Uint8Array): number {
    const connection = this.connection(handle);
    if (connection === undefined) return BROKEN;
    const { received, socket } = connection;
    if (received.length > 0) {
      const length = received.copy(into);
      connection.received = received.subarray(length);
      if (connection.received.length <= MAX_WAITING) socket.resume();
      return length;
    }
    if (connection.state < 0) return BROKEN;
    return connection.hasEnded ? 0 : NOTHING_NOW;
  }

  close(handle: number): void {
    const slot = this.slots[handle];
    this.slots[handle] = undefined;
    if (slot === undefined) return;
    if ("socket" in slot) slot.socket.destroy();
    else {
      slot.server.close();
      for (const socket of slot.arrived) socket.destroy();
    }
  }

  /** Whether anything that is wanted is there already: then there is nothing to wait for. */
  isAnyReady(): boolean {
    return this.slots.some((slot) => slot !== undefined && isReady(slot));
  }

  private connection(handle: number): Connection | undefined {
    const slot = this.slots[handle];
    return slot !== undefined && "socket" in slot ? slot : undefined;
  }

  private take(slot: Connection | Listener): number {
    const handle = this.slots.indexOf(undefined);
    this.slots[handle] = slot;
    return handle;
  }

  /** `opens` names the event that opens the connection; null = it is open. */
  private add(socket: Socket, opens: string | null): number {
    const connection: Connection = {
      socket,
      state: opens === null ? OPEN : CONNECTING,
      received: Buffer.alloc(0),
      hasEnded: false,
      wanted: opens === null ? READABLE : WRITABLE,
    };
    if (opens !== null)
      socket.once(opens, () => {
        connection.state = OPEN;
        this.changed(connection);
      });
    socket.on("data", (data: Buffer) => {
      connection.received = Buffer.concat([connection.received, data]);
      if (connection.received.length > MAX_WAITING) socket.pause();
      this.changed(connection);
    });
    socket.on("end", () => {
      connection.hasEnded = true;
      this.changed(connection);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      connection.state = error.code === "ECONNREFUSED" ? REFUSED : BROKEN;
      this.changed(connection);
    });
    socket.resume();
    return this.take(connection);
  }

  private changed(slot: Connection | Listener): void {
    if (isReady(slot)) this.wake();
  }
}

/** As poll(2) would say; what broke or ended is both readable and writable. */
function isReady(slot: Connection | Listener): boolean {
  const { wanted } = slot;
  if ("arrived" in slot) return wanted !== 0 && slot.arrived.length > 0;
  const { state, received, hasEnded, socket } = slot;
  if (wanted === 0 || state === CONNECTING) return false;
  if (state < 0) return true;
  const canRead = received.length > 0 || hasEnded;
  return (
    ((wanted & READABLE) !== 0 && canRead) ||
    ((wanted & WRITABLE) !== 0 && socket.writableLength === 0)
  );
}

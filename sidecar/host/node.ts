/** The sidecar on Node: real sockets, /proc and signals around the core. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Core, DONE } from "../plain/core.ts";
import { BROKEN, CONNECTING, ENDED, OPEN, REFUSED, type Host } from "../plain/host.ts";
import { SettingsError } from "../plain/settings.ts";

/** How long what is queued is still sent after SIGTERM. */
const FLUSH_MS = 2000;

/** sysexits.h: wrong usage. */
const EXIT_USAGE = 64;

/** Most of what is read ahead of the core; a hostile target cannot fill the memory. */
const MAX_BUFFERED = 16 * 1024;

interface Connection {
  readonly socket: Socket;
  state: number;
  received: string;
}

class NodeHost implements Host {
  private readonly connections = new Map<number, Connection>();
  private readonly wake: () => void;
  private lastHandle = 0;

  constructor(wake: () => void) {
    this.wake = wake;
  }

  env(name: string): string | null {
    return process.env[name] ?? null;
  }

  readFile(path: string): string | null {
    try {
      return readFileSync(path, "latin1");
    } catch {
      return null;
    }
  }

  listNumeric(path: string): number[] {
    try {
      return readdirSync(path)
        .filter((name) => /^\d+$/.test(name))
        .map(Number);
    } catch {
      return [];
    }
  }

  /** Linux since 6.2 tells the number as the directory's size, even to another user. */
  countDescriptors(path: string): number {
    try {
      return statSync(path).size || readdirSync(path).length;
    } catch {
      return -1;
    }
  }

  selfPid(): number {
    return process.pid;
  }

  wallMs(): number {
    return Date.now();
  }

  random(): number {
    return Math.random();
  }

  log(text: string): void {
    process.stderr.write(`bifrost-sidecar: ${text}\n`);
  }

  open(address: string, port: number): number {
    const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true });
    const connection: Connection = { socket, state: CONNECTING, received: "" };
    const became = (state: number): void => {
      if (connection.state >= 0) connection.state = state;
      this.wake();
    };
    socket.on("connect", () => became(OPEN));
    socket.on("data", (data) => {
      connection.received += data.toString("latin1");
      if (connection.received.length > MAX_BUFFERED) socket.pause();
      this.wake();
    });
    socket.on("drain", this.wake);
    socket.on("end", () => became(ENDED));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      became(error.code === "ECONNREFUSED" ? REFUSED : BROKEN);
    });
    this.connections.set(++this.lastHandle, connection);
    return this.lastHandle;
  }

  state(handle: number): number {
    return this.connections.get(handle)?.state ?? BROKEN;
  }

  send(handle: number, text: string, from: number): number {
    const socket = this.connections.get(handle)?.socket;
    if (socket === undefined || socket.writableNeedDrain) return 0;
    socket.write(text.slice(from), "latin1");
    return text.length - from;
  }

  receive(handle: number, most: number): string {
    const connection = this.connections.get(handle);
    if (connection === undefined) return "";
    const part = connection.received.slice(0, most);
    connection.received = connection.received.slice(most);
    if (connection.received.length <= MAX_BUFFERED) connection.socket.resume();
    return part;
  }

  close(handle: number): void {
    this.connections.get(handle)?.socket.destroy();
    this.connections.delete(handle);
  }
}

const monotonicMs = (): number => Math.floor(performance.now());

function run(): void {
  let timer: NodeJS.Timeout | undefined;
  let isDue = false;
  const wake = (): void => {
    if (isDue) return;
    isDue = true;
    setImmediate(step);
  };
  const core = new Core(new NodeHost(wake), monotonicMs());
  function step(): void {
    isDue = false;
    clearTimeout(timer);
    const waitMs = core.step(monotonicMs());
    if (waitMs === DONE) process.exit(0);
    timer = setTimeout(step, waitMs);
  }
  const stop = (): void => {
    core.stop(monotonicMs(), FLUSH_MS);
    wake();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  step();
}

try {
  run();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`bifrost-sidecar: ${error.message}\n`);
  process.exit(EXIT_USAGE);
}

/**
 * A host on a virtual clock, with scripted servers and /proc in memory. It wakes the core only when the real hosts would: at
 * the end of the wait, or when what the core wants of a connection is there.
 */
import { isIP } from "node:net";
import { FakeConnection, type FakeServer } from "./fake-connection.ts";

/** The core in one of its two forms. */
export interface RunningCore {
  step(now: number): number;
  stop(now: number, graceMs: number): void;
  /** Bytes taken from the allocator since this was last asked. */
  growth(): number;
}

/** Starts a core on a host; a number is the exit code of one that refuses. */
export type StartCore = (host: FakeHost) => RunningCore | number;

const MAX_HANDLES = 8;
/** More steps without time passing are a loop: ten thousand processes take some hundred. */
const MAX_STEPS_AT_ONCE = 1000;
const READABLE = 1;
const WRITABLE = 2;

interface Listener {
  readonly waiting: FakeConnection[];
}

interface Handle {
  readonly end: FakeConnection | Listener;
  wanted: number;
}

export interface Opened {
  readonly address: string;
  readonly port: number;
  readonly mode: number;
  readonly at: number;
  readonly connection: FakeConnection;
}

export class FakeHost {
  now = 0;
  steps = 0;
  pid = 7;
  uid = 65_532;
  wallAtZero = 1_000_000;
  hasTls = false;
  isPortTaken = false;
  /** As if no descriptor were free for a visitor. */
  isExhausted = false;
  random = 0.999;
  environment: Record<string, string> = {};
  /** Contents by path. */
  files = new Map<string, string>();
  directories = new Map<string, readonly number[]>();
  descriptors = new Map<string, number>();
  owners = new Map<string, number>();
  logs: string[] = [];
  opened: Opened[] = [];
  servers = new Map<number, FakeServer>();
  /** Called for each file that is about to be read. */
  onRead: (path: string) => void = () => undefined;
  private readonly handles = Array.from({ length: MAX_HANDLES }, (): Handle | null => null);
  private events: { at: number; happen: () => void }[] = [];
  private core: RunningCore | null = null;

  /** Something that happens at a time to come. */
  after(ms: number, happen: () => void): void {
    this.events.push({ at: this.now + ms, happen });
    this.events.sort((a, b) => a.at - b.at);
  }

  start(startCore: StartCore): RunningCore {
    const core = startCore(this);
    if (typeof core === "number") throw new Error(`exit ${core}: ${this.logs.join("\n")}`);
    this.core = core;
    return core;
  }

  /** Runs the core until `until` in virtual ms; false once it is over. */
  run(until: number): boolean {
    let stepsAtOnce = 0;
    while (this.now <= until) {
      this.happenings();
      const wait = this.step();
      if (wait < 0) return false;
      const next = this.isSomethingWanted() ? this.now : this.nextMoment(wait);
      stepsAtOnce = next > this.now ? 0 : stepsAtOnce + 1;
      if (stepsAtOnce > MAX_STEPS_AT_ONCE) throw new Error(`the core spins at ${this.now}`);
      if (next > until) {
        this.now = until;
        return true;
      }
      this.now = next;
    }
    return true;
  }

  /** One step, whatever the time. */
  step(): number {
    if (this.core === null) throw new Error("not started");
    this.steps++;
    return this.core.step(this.now);
  }

  stop(graceMs: number): void {
    this.core?.stop(this.now, graceMs);
  }

  openHandles(): number {
    return this.handles.filter((handle) => handle !== null).length;
  }

  /** A client of the port the core listens on. */
  visit(): FakeConnection {
    const connection = new FakeConnection();
    connection.accept();
    for (const handle of this.handles) {
      if (handle !== null && "waiting" in handle.end) {
        handle.end.waiting.push(connection);
        return connection;
      }
    }
    throw new Error("nothing listens");
  }

  readFile(path: string): string | undefined {
    this.onRead(path);
    return this.files.get(path);
  }

  list(path: string, after: number, capacity: number): readonly number[] | undefined {
    return this.directories
      .get(path)
      ?.filter((entry) => entry > after)
      .slice(0, capacity);
  }

  owner(path: string): number {
    return this.owners.get(path) ?? 1000;
  }

  wall(): number {
    return this.wallAtZero + this.now;
  }

  /** As a build without DNS answers. */
  canOpen(address: string): boolean {
    return isIP(address) !== 0;
  }

  open(address: string, port: number, mode: number): number {
    const connection = new FakeConnection();
    const handle = this.place(connection, WRITABLE);
    if (handle < 0) return handle;
    this.opened.push({ address, port, mode, at: this.now, connection });
    connection.server = this.servers.get(port) ?? { onOpen: (one) => one.refuse() };
    connection.server.onOpen?.(connection, this);
    return handle;
  }

  listen(_port: number): number {
    return this.isPortTaken ? -1 : this.place({ waiting: [] }, READABLE);
  }

  accept(handle: number): number {
    const { end } = this.at(handle);
    if (!("waiting" in end)) throw new Error(`${handle} is no listener`);
    if (this.isExhausted) return -2;
    const connection = end.waiting.shift();
    return connection === undefined ? -1 : this.place(connection, 0);
  }

  state(handle: number): number {
    return this.connection(handle).state();
  }

  send(handle: number, data: Buffer): number {
    return this.connection(handle).take(data, this);
  }

  receive(handle: number, capacity: number): Buffer | number {
    return this.connection(handle).give(capacity);
  }

  want(handle: number, events: number): void {
    this.at(handle).wanted = events;
  }

  close(handle: number): void {
    const { end } = this.at(handle);
    if (end instanceof FakeConnection) end.isClosed = true;
    this.handles[handle] = null;
  }

  private place(end: FakeConnection | Listener, wanted: number): number {
    const free = this.handles.indexOf(null);
    if (free >= 0) this.handles[free] = { end, wanted };
    return free;
  }

  private at(handle: number): Handle {
    const found = this.handles[handle];
    if (found === null || found === undefined) throw new Error(`handle ${handle} is not open`);
    return found;
  }

  private connection(handle: number): FakeConnection {
    const { end } = this.at(handle);
    if (!(end instanceof FakeConnection)) throw new Error(`${handle} is a listener`);
    return end;
  }

  private happenings(): void {
    for (let next = this.events[0]; next !== undefined && next.at <= this.now;) {
      this.events.shift();
      next.happen();
      [next] = this.events;
    }
  }

  private nextMoment(wait: number): number {
    return Math.min(this.now + wait, this.events[0]?.at ?? Infinity);
  }

  private isSomethingWanted(): boolean {
    return this.handles.some((handle) => {
      if (handle === null) return false;
      const { end, wanted } = handle;
      const reads = (wanted & READABLE) !== 0;
      if (!(end instanceof FakeConnection)) return reads && end.waiting.length > 0;
      // As poll(2) has it: errors are told whether wanted or not.
      if (end.state() < 0) return true;
      return (reads && end.isReadable()) || ((wanted & WRITABLE) !== 0 && end.isWritable());
    });
  }
}

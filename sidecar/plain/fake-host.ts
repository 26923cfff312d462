/** A host on a virtual clock with scripted servers, for the tests of the core. */
import { Core, DONE } from "./core.ts";
import { BROKEN, CONNECTING, ENDED, OPEN, REFUSED, type Host } from "./host.ts";

/** What a server does with a connection; called with all it received after each arrival. */
export interface FakeServer {
  onOpen?(connection: FakeConnection): void;
  onData?(connection: FakeConnection, received: string): void;
}

export class FakeConnection {
  state = CONNECTING;
  received = "";
  sent = "";
  isClosed = false;
  accept = (): void => void (this.state = OPEN);
  refuse = (): void => void (this.state = REFUSED);
  reset = (): void => void (this.state = BROKEN);
  end = (): void => void (this.state = ENDED);
  reply(text: string): void {
    this.sent += text;
  }
}

export const TEST_ENVIRONMENT: Readonly<Record<string, string>> = {
  DEPLOYMENT_ID: "dep1",
  REPLICA: "pod-1",
  PROBE_HOST: "127.0.0.1",
  PROBE_PORT: "8080",
  PROBE_PATH: "/health",
  PROBE_INTERVAL_MS: "1000",
  PROBE_TIMEOUT_MS: "500",
  COLLECTOR_HOST: "10.0.0.1",
  COLLECTOR_PORT: "9090",
  COLLECTOR_TOKEN: "token",
};

export const APP_PORT = 8080;

export class FakeHost implements Host {
  now = 0;
  environment: Record<string, string> = { ...TEST_ENVIRONMENT };
  files: Record<string, string> = {};
  directories: Record<string, number[]> = {};
  descriptors: Record<string, number> = {};
  logs: string[] = [];
  opened: { port: number; at: number; connection: FakeConnection }[] = [];
  app: FakeServer = {};
  collector: FakeServer = {};
  private core: Core | null = null;

  env = (name: string): string | null => this.environment[name] ?? null;
  readFile = (path: string): string | null => this.files[path] ?? null;
  listNumeric = (path: string): number[] => this.directories[path] ?? [];
  countDescriptors = (path: string): number => this.descriptors[path] ?? -1;
  selfPid = (): number => 7;
  wallMs = (): number => 1_000_000 + this.now;
  random = (): number => 0.999;
  log = (text: string): void => void this.logs.push(text);

  open(_address: string, port: number): number {
    const connection = new FakeConnection();
    this.opened.push({ port, at: this.now, connection });
    const server = port === APP_PORT ? this.app : this.collector;
    server.onOpen?.(connection);
    return this.opened.length - 1;
  }

  state(handle: number): number {
    return this.at(handle).state;
  }

  send(handle: number, text: string, from: number): number {
    const connection = this.at(handle);
    connection.received += text.slice(from);
    const isApp = this.opened[handle]?.port === APP_PORT;
    (isApp ? this.app : this.collector).onData?.(connection, connection.received);
    return text.length - from;
  }

  receive(handle: number, most: number): string {
    const connection = this.at(handle);
    const part = connection.sent.slice(0, most);
    connection.sent = connection.sent.slice(most);
    return part;
  }

  close(handle: number): void {
    this.at(handle).isClosed = true;
  }

  start(): Core {
    this.core = new Core(this, this.now);
    return this.core;
  }

  /** Runs the core until `until` in virtual ms, stepping as it asks; false once it is done. */
  run(until: number): boolean {
    const core = this.core ?? this.start();
    while (this.now <= until) {
      // Two steps: what the scripted servers answered within the first is read in the second.
      core.step(this.now);
      const wait = core.step(this.now);
      if (wait === DONE) return false;
      this.now += Math.max(1, wait);
    }
    return true;
  }

  openNow(): number {
    return this.opened.filter((entry) => !entry.connection.isClosed).length;
  }

  private at(handle: number): FakeConnection {
    const entry = this.opened[handle];
    if (entry === undefined || entry.connection.isClosed) throw new Error(`no socket ${handle}`);
    return entry.connection;
  }
}

/** Answers every probe with a status. */
export function answeringApp(status: () => number): FakeServer {
  return {
    onOpen: (connection) => connection.accept(),
    onData: (connection) => connection.reply(`HTTP/1.1 ${status()} X\r\ncontent-length: 0\r\n\r\n`),
  };
}

export interface FakeCollector extends FakeServer {
  readonly lines: Record<string, number | string | boolean>[];
  readonly requests: string[];
}

/** Takes whole reports and answers them with `status`; keeps what it accepted. */
export function takingCollector(status: () => number = () => 204): FakeCollector {
  const lines: FakeCollector["lines"] = [];
  const requests: string[] = [];
  return {
    lines,
    requests,
    onOpen: (connection) => connection.accept(),
    onData(connection, received) {
      connection.received = "";
      requests.push(received);
      const answer = status();
      const body = received.slice(received.indexOf("\r\n\r\n") + 4);
      if (answer === 204) {
        for (const line of body.trimEnd().split("\n")) lines.push(JSON.parse(line));
      }
      connection.reply(`HTTP/1.1 ${answer} X\r\nContent-Length: 2\r\n\r\n{}`);
    },
  };
}

/** A sidecar between an app and a collector, for the tests of the core. */
import type { FakeServer } from "./fake-connection.ts";
import { FakeHost } from "./fake-host.ts";

export const APP_PORT = 8080;
export const COLLECTOR_PORT = 9090;

export const TEST_ENVIRONMENT: Readonly<Record<string, string>> = {
  DEPLOYMENT_ID: "dep1",
  REPLICA: "pod-1",
  PROBE_HOST: "127.0.0.1",
  PROBE_PORT: String(APP_PORT),
  PROBE_PATH: "/health",
  PROBE_INTERVAL_MS: "1000",
  PROBE_TIMEOUT_MS: "500",
  COLLECTOR_HOST: "10.0.0.1",
  COLLECTOR_PORT: String(COLLECTOR_PORT),
  COLLECTOR_TOKEN: "token",
};

export type Line = Record<string, number | string | boolean>;

export interface Scene {
  readonly host: FakeHost;
  /** What the collector accepted. */
  readonly lines: Line[];
  /** All it was sent, accepted or not. */
  readonly requests: string[];
}

/** `status` is what the collector answers. */
export function scene(
  app: FakeServer,
  environment: Readonly<Record<string, string>> = {},
  status: () => number = () => 204,
): Scene {
  const host = new FakeHost();
  host.environment = { ...TEST_ENVIRONMENT, ...environment };
  const lines: Line[] = [];
  const requests: string[] = [];
  host.servers.set(APP_PORT, app);
  host.servers.set(COLLECTOR_PORT, takingCollector({ host, lines, requests }, status));
  return { host, lines, requests };
}

export function answer(status: number, body = ""): string {
  return `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Answers every probe with a status and closes. */
export function answeringApp(status: () => number, body = ""): FakeServer {
  return {
    onOpen: (connection) => connection.accept(),
    onData: (connection) => connection.reply(answer(status(), body)),
  };
}

/** Accepts and then does this with the first that arrives. */
export function appThat(act: NonNullable<FakeServer["onData"]>): FakeServer {
  return { onOpen: (connection) => connection.accept(), onData: act };
}

/** The lines of a whole request, null while it is not complete. */
export function linesOf(request: string): Line[] | null {
  const bodyAt = request.indexOf("\r\n\r\n") + 4;
  const length = Number(/Content-Length: (\d+)/.exec(request)?.[1]);
  if (bodyAt < 4 || request.length < bodyAt + length) return null;
  return request
    .slice(bodyAt)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

/** Takes whole reports and answers them with `status`; keeps what it accepted. */
export function takingCollector(
  { lines, requests }: Scene,
  status: () => number = () => 204,
): FakeServer {
  return {
    onOpen: (connection) => connection.accept(),
    onData(connection, received) {
      const request = received.toString("latin1");
      const reported = linesOf(request);
      if (reported === null) return;
      connection.received = Buffer.alloc(0);
      requests.push(request);
      const current = status();
      if (current === 204) lines.push(...reported);
      connection.reply(answer(current, current === 204 ? "" : "{}"));
    },
  };
}

/** What /proc says of a process. */
export interface FakeProcess {
  readonly pid: number;
  readonly parent?: number;
  readonly name?: string;
  readonly state?: string;
  readonly ticks?: number;
  readonly childTicks?: number;
  readonly threads?: number;
  readonly start?: number;
  readonly pages?: number;
  /** How many of the pages are shared. */
  readonly shared?: number;
}

/** A line of /proc/<pid>/stat. */
export function stat(process: FakeProcess): string {
  const { pid, parent = 0, name = "my (odd) app", state = "S", ticks = 0 } = process;
  const { childTicks = 0, threads = 3, start = 99, pages = 100 } = process;
  return (
    `${pid} (${name}) ${state} ${parent} 1 1 0 -1 0 0 0 0 0 ${ticks} 0 ${childTicks} 0 20 0 ${threads} 0 ${start} ` +
    `1000 ${pages} 18446744073709551615 1 1\n`
  );
}

/** A line of /proc/<pid>/statm. */
function statm({ pages = 100, shared = 0 }: FakeProcess): string {
  return `1000 ${pages} ${shared} 5 0 123 0\n`;
}

/** All that runs in the process namespace, each process with five descriptors. */
export function putProcesses(host: FakeHost, processes: readonly FakeProcess[]): void {
  host.directories.set(
    "/proc",
    processes.map(({ pid }) => pid),
  );
  for (const process of processes) putProcess(host, process);
}

/** One process, with its children by thread. */
export function putProcess(
  host: FakeHost,
  process: FakeProcess,
  children: Readonly<Record<number, readonly number[]>> = { [process.pid]: [] },
): void {
  const folder = `/proc/${process.pid}`;
  host.files.set(`${folder}/stat`, stat(process));
  host.files.set(`${folder}/statm`, statm(process));
  host.descriptors.set(`${folder}/fd`, 5);
  host.directories.set(`${folder}/task`, Object.keys(children).map(Number));
  for (const [thread, pids] of Object.entries(children)) {
    host.files.set(`${folder}/task/${thread}/children`, pids.map((pid) => `${pid} `).join(""));
  }
}

export function removeProcess(host: FakeHost, pid: number): void {
  for (const path of host.files.keys()) {
    if (path.startsWith(`/proc/${pid}/`)) host.files.delete(path);
  }
  host.directories.delete(`/proc/${pid}/task`);
  host.descriptors.delete(`/proc/${pid}/fd`);
  host.directories.set(
    "/proc",
    (host.directories.get("/proc") ?? []).filter((one) => one !== pid),
  );
}

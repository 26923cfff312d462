/** A sidecar in a scene that reports by gRPC, and what its collector sees of the connections. */
import type { FakeConnection, FakeServer } from "./fake-connection.ts";
import type { FakeHost, StartCore } from "./fake-host.ts";
import { grpcCollector } from "./grpc-collector.ts";
import { answeringApp, COLLECTOR_PORT, scene, type Line } from "./scene.ts";

export const GRPC = { COLLECTOR_PROTOCOL: "grpc" };

export const collectors = (host: FakeHost) =>
  host.opened.filter(({ port }) => port === COLLECTOR_PORT);
export const connects = (host: FakeHost) => collectors(host).map(({ at }) => at);
export const seqs = (samples: readonly Line[]) => samples.map(({ seq }) => Number(seq));

export function connection(host: FakeHost, index = 0): FakeConnection {
  const found = collectors(host)[index];
  if (found === undefined) throw new Error(`no connection ${index}`);
  return found.connection;
}

/** Starts one whose probes fail with a quoted body. */
export const callOf =
  (startCore: StartCore) =>
  (
    server: (lines: Line[]) => FakeServer = grpcCollector,
    environment: Readonly<Record<string, string>> = {},
  ) => {
    const made = scene(
      answeringApp(() => 503, 'say "no"'),
      { ...GRPC, ...environment },
    );
    made.host.servers.set(COLLECTOR_PORT, server(made.lines));
    made.host.start(startCore);
    return made;
  };

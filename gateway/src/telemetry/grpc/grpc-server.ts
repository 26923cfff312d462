/** The collector's gRPC transport: service Telemetry of proto/telemetry.proto on a port of its own, in cleartext HTTP/2. */
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from "node:net";
import { messageOf } from "@bifrost/shared/domain/errors";
import { listen } from "../../control/listen.ts";
import { ReportCall, type ReportCallDeps, type ReportStream } from "./report-call.ts";
import { TELEMETRY_PROTO } from "./telemetry-proto.ts";

const SERVICE = "bifrost.v1.Telemetry";

export const DEFAULT_GRPC_LIMITS = {
  connections: 8192,
  /** A sidecar makes one call and, when that ends, another. */
  callsPerConnection: 4,
  /** A sample with all its fields at their longest has about 800 bytes. */
  messageBytes: 4096,
  /** What one connection may keep in memory, in MB: the least there is. */
  connectionMb: 1,
  /** A connection without a call is closed then, one that has not said a word too. */
  idleMs: 30_000,
  /** A sidecar may say nothing for hours; whether it is still there is asked that often, and waited for that long. */
  keepAliveMs: 30_000,
  keepAliveTimeoutMs: 10_000,
} as const;

export type GrpcLimits = Readonly<Record<keyof typeof DEFAULT_GRPC_LIMITS, number>>;

export interface GrpcOptions extends ReportCallDeps {
  readonly host: string;
  /** 0 = a free one. */
  readonly port: number;
  readonly limits?: Partial<GrpcLimits>;
}

export interface RunningGrpc {
  readonly port: number;
  readonly metrics: { readonly refusedConnections: number };
  /** Open now. */
  connections(): number;
  calls(): number;
  /** Takes no new connections and tells the sidecars to go elsewhere, at most for `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Listens at once; the library, which is not small, is loaded for the first connection. */
export async function startGrpc(options: GrpcOptions): Promise<RunningGrpc> {
  const limits = { ...DEFAULT_GRPC_LIMITS, ...options.limits };
  const calls = new Set<ReportCall>();
  const sockets = new Set<Socket>();
  const metrics = { refusedConnections: 0 };
  let loading: Promise<Http2Side> | null = null;
  const net = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    loading ??= loadServer(options, limits, calls);
    loading
      .then((side) => (socket.destroyed ? undefined : side.take(socket)))
      .catch((error: unknown) => {
        options.log.error("gRPC is not available", { error: messageOf(error) });
        socket.destroy();
      });
  });
  net.maxConnections = limits.connections;
  net.on("drop", () => metrics.refusedConnections++);
  await listen(net, options, "The collector's gRPC port");
  return {
    port: (net.address() as AddressInfo).port,
    metrics,
    connections: () => sockets.size,
    calls: () => calls.size,
    async stop(graceMs) {
      const closed = closing(net);
      for (const call of calls) call.leave();
      await (await loading?.catch(() => null))?.stop(graceMs);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What speaks HTTP/2 over the sockets it is given. */
interface Http2Side {
  take(socket: Socket): void;
  stop(graceMs: number): Promise<void>;
}

async function loadServer(
  options: GrpcOptions,
  limits: GrpcLimits,
  calls: Set<ReportCall>,
): Promise<Http2Side> {
  const [grpc, { fromJSON }] = await Promise.all([
    import("@grpc/grpc-js"),
    import("@grpc/proto-loader"),
  ]);
  const server = new grpc.Server(serverOptions(limits));
  // 64-bit fields become numbers; one that does not fit is refused by the schema like any other that is too large.
  const root = TELEMETRY_PROTO as Parameters<typeof fromJSON>[0];
  const definition = fromJSON(root, { longs: Number, defaults: true })[SERVICE];
  server.addService(definition as Parameters<typeof server.addService>[0], {
    Report(stream: ReportStream) {
      const call = new ReportCall(stream, options);
      calls.add(call);
      stream.once("close", () => calls.delete(call));
    },
  });
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  return {
    take: (socket) => injector.injectConnection(socket),
    async stop(graceMs) {
      const isClosed = new AbortController();
      const shutdown = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.race([shutdown, options.timers.sleep(graceMs, isClosed.signal)]);
      isClosed.abort();
      server.forceShutdown();
    },
  };
}

function serverOptions(limits: GrpcLimits) {
  return {
    "grpc.max_receive_message_length": limits.messageBytes,
    "grpc.max_concurrent_streams": limits.callsPerConnection,
    "grpc-node.max_session_memory": limits.connectionMb,
    "grpc.max_connection_idle_ms": limits.idleMs,
    "grpc.keepalive_time_ms": limits.keepAliveMs,
    "grpc.keepalive_timeout_ms": limits.keepAliveTimeoutMs,
    "grpc.enable_channelz": 0,
  };
}

function closing(net: NetServer): Promise<void> {
  return new Promise((resolve) => net.close(() => resolve()));
}

/** Typed corners of grpc-js: services from the protos that a client package ships, and their errors. */
import { createRequire } from "node:module";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { guardStreams } from "./guard-streams.ts";

const load = createRequire(import.meta.url);
const MAX_MESSAGE_BYTES = 20 * 1024 * 1024;

/** An error with a gRPC status; anything else a handler throws is answered as INTERNAL. */
export class GrpcError extends Error {
  override readonly name: string = "GrpcError";
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export interface GrpcServices {
  /** Module path of the client's protos, for example `@google-cloud/pubsub/build/protos/protos.json`. */
  readonly protos: string;
  /** Full service name to its methods. Methods left out answer UNIMPLEMENTED with their name. */
  readonly services: Readonly<Record<string, UntypedServiceImplementation>>;
  readonly port: number | undefined;
}

export interface RunningGrpc {
  readonly port: number;
  stop(): Promise<void>;
}

export async function serveGrpc(options: GrpcServices): Promise<RunningGrpc> {
  const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
  const shapes = { longs: String, enums: String, defaults: true, oneofs: true, arrays: true };
  const definitions = fromJSON(load(options.protos) as Parameters<typeof fromJSON>[0], shapes);
  for (const [name, methods] of Object.entries(options.services)) {
    server.addService(definitions[name] as ServiceDefinition, methods);
  }
  const port = await new Promise<number>((resolve, reject) => {
    const wanted = options.port ?? 0;
    server.bindAsync(`127.0.0.1:${wanted}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) return resolve(bound);
      const message = `Port ${wanted} on 127.0.0.1 cannot be bound: ${error.message}.`;
      return reject(new BifrostError("port-taken", message, { port: wanted }, { cause: error }));
    });
  });
  guardStreams(server);
  return {
    port,
    stop: async () => server.forceShutdown(),
  };
}

interface Call<Request> {
  readonly request: Request;
}
type Callback = (error: { code: status; details: string } | null, value?: unknown) => void;

/** Wraps a plain function as a unary method. */
export function unary<Request>(log: Logger, handle: (request: Request) => unknown) {
  return (call: Call<Request>, callback: Callback): void => {
    const answer = async (): Promise<void> => {
      try {
        const value = await handle(call.request);
        callback(null, value ?? {});
      } catch (error) {
        callback(grpcStatus(log, error));
      }
    };
    void answer();
  };
}

export function grpcStatus(log: Logger, error: unknown): { code: status; details: string } {
  if (error instanceof GrpcError) return { code: error.code, details: error.message };
  log.error("call failed", { error: messageOf(error) });
  return { code: status.INTERNAL, details: "Internal error encountered." };
}

/** One page of a list: the token is the name of the last item seen. */
export function page<Item extends { readonly name: string }>(
  items: readonly Item[],
  request: { readonly pageSize: number; readonly pageToken: string },
): { readonly items: readonly Item[]; readonly nextPageToken: string } {
  const sorted = items
    .filter((item) => item.name > request.pageToken)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const size = request.pageSize > 0 ? request.pageSize : 1000;
  const shown = sorted.slice(0, size);
  return { items: shown, nextPageToken: sorted.length > size ? (shown.at(-1)?.name ?? "") : "" };
}

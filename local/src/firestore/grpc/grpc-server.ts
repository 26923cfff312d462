/** gRPC: carries the method table over grpc-js. */
import { once } from "node:events";
import {
  Metadata,
  Server,
  ServerInterceptingCall,
  type sendUnaryData,
  type ServerInterceptor,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadFirestoreMethods, type JsonMethod } from "./firestore-proto.ts";
import { callerOf, serviceError, type GrpcParts } from "./grpc-call.ts";
import { twoWay } from "./grpc-two-way.ts";
import { MAX_REQUEST_BYTES } from "../edge/request-cap.ts";
import { RpcError } from "../rpc-error.ts";
import type { ServerStreamMethod, UnaryMethod } from "../rpc/method.ts";
import { SendBudget } from "../edge/send-queue.ts";
import { SERVER_STREAM_METHODS, TWO_WAY_METHODS, UNARY_METHODS } from "../rpc/methods.ts";
import type { Json } from "../wire-json.ts";

/** A server that listens nowhere yet: connections are injected. */
export function createGrpcServer(parts: GrpcParts): Server {
  const { limits } = parts;
  const server = new Server({
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": limits.maxCallsPerConnection,
    "grpc.max_connection_idle_ms": limits.idleGrpcMs,
    "grpc.keepalive_time_ms": limits.pingEveryMs,
    "grpc.keepalive_timeout_ms": limits.pingPatienceMs,
    interceptors: [watchCalls(parts)],
  });
  const budget = new SendBudget(limits.maxUnsentBytesInAll);
  const definition: Record<string, ServiceDefinition[string]> = {};
  const handlers: Record<string, UntypedHandleCall> = {};
  for (const [name, method] of loadFirestoreMethods()) {
    const { requestStream, responseSerialize: serialize } = method;
    // What a two-way call sends is counted in bytes, so its messages are bytes before grpc-js sees them.
    definition[name] = requestStream ? { ...method, responseSerialize: asItIs } : method;
    handlers[name] = requestStream
      ? twoWay({ ...parts, budget, serialize }, TWO_WAY_METHODS[name] ?? unimplemented(name))
      : oneWay(parts, name, method);
  }
  server.addService(definition, handlers satisfies UntypedServiceImplementation);
  return server;
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * A connection with a call under way is not idle, and a call says in time what it wants. One that was cancelled at
 * once never gets as far as its metadata.
 */
function watchCalls({ connections, limits }: GrpcParts): ServerInterceptor {
  return (_method, call) => {
    let end: (() => void) | undefined;
    let deadline: NodeJS.Timeout | undefined;
    const refuse = (): void => call.sendStatus(NOTHING_ASKED);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            end = connections.begin(call.getConnectionInfo());
            deadline = setTimeout(refuse, limits.requestMs);
            proceed(metadata);
          },
          onReceiveMessage: (message, proceed) => {
            clearTimeout(deadline);
            proceed(message);
          },
          onCancel: () => {
            clearTimeout(deadline);
            end?.();
          },
        }),
    });
  };
}

const NOTHING_ASKED = {
  code: status.DEADLINE_EXCEEDED,
  details: "The call's first message did not arrive in time.",
  metadata: null,
};

function oneWay(parts: GrpcParts, name: string, { responseStream }: JsonMethod): UntypedHandleCall {
  if (responseStream)
    return serverStream(parts, SERVER_STREAM_METHODS[name] ?? unimplemented(name));
  return unary(parts, UNARY_METHODS[name] ?? unimplemented(name));
}

function unimplemented(name: string): () => never {
  return () => {
    throw new RpcError("UNIMPLEMENTED", `google.firestore.v1.Firestore/${name} is not supported.`);
  };
}

function unary(parts: GrpcParts, method: UnaryMethod): UntypedHandleCall {
  return (call: ServerUnaryCall<Json, object>, answer: sendUnaryData<object>) => {
    callerOf(parts, call.metadata)
      .then((caller) => method(parts.context, caller, call.request))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(serviceError(parts, error)),
      );
  };
}

function serverStream(parts: GrpcParts, method: ServerStreamMethod): UntypedHandleCall {
  return async (call: ServerWritableStream<Json, object>) => {
    // Without headers of its own an error looks to the clients like no answer at all: they retry for seconds.
    call.sendMetadata(new Metadata());
    const gone = new AbortController();
    call.on("cancelled", () => gone.abort());
    try {
      const caller = await callerOf(parts, call.metadata);
      for await (const response of method(parts.context, caller, call.request)) {
        if (call.cancelled) return;
        // No further ahead of the client than grpc-js buffers by itself.
        if (!call.write(response)) await drained(call, gone.signal);
      }
      call.end();
    } catch (error) {
      call.emit("error", serviceError(parts, error));
    }
  };
}

/** Until the client has read on, or is gone. */
async function drained(call: ServerWritableStream<Json, object>, gone: AbortSignal): Promise<void> {
  await once(call, "drain", { signal: gone }).catch(() => undefined);
}

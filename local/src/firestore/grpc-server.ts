/** gRPC: carries the method table over grpc-js. */
import {
  Metadata,
  Server,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { Timer } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Caller, CallerResolver } from "./caller.ts";
import { loadFirestoreMethods } from "./firestore-proto.ts";
import { MAX_REQUEST_BYTES } from "./request-cap.ts";
import { asRpcError, RpcError } from "./rpc-error.ts";
import type {
  OpenCall,
  RpcContext,
  ServerStreamMethod,
  TwoWayMethod,
  UnaryMethod,
} from "./rpc/method.ts";
import { SERVER_STREAM_METHODS, TWO_WAY_METHODS, UNARY_METHODS } from "./rpc/methods.ts";
import { endWhenTokenExpires } from "./token-expiry.ts";
import type { Json } from "./wire-json.ts";

export interface GrpcParts {
  readonly context: RpcContext;
  readonly callers: CallerResolver;
  readonly log: Logger;
}

/** A server that listens nowhere yet: connections are injected. */
export function createGrpcServer(parts: GrpcParts): Server {
  const server = new Server({
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    "grpc.max_send_message_length": -1,
  });
  const definition: Record<string, ServiceDefinition[string]> = {};
  const handlers: Record<string, UntypedHandleCall> = {};
  for (const [name, method] of loadFirestoreMethods()) {
    definition[name] = method;
    handlers[name] = handlerOf(parts, name, method.requestStream, method.responseStream);
  }
  server.addService(definition, handlers satisfies UntypedServiceImplementation);
  return server;
}

function handlerOf(
  parts: GrpcParts,
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): UntypedHandleCall {
  if (requestStream) return twoWay(parts, TWO_WAY_METHODS[name] ?? unimplemented(name));
  if (responseStream)
    return serverStream(parts, SERVER_STREAM_METHODS[name] ?? unimplemented(name));
  return unary(parts, UNARY_METHODS[name] ?? unimplemented(name));
}

function unimplemented(name: string): () => never {
  return () => {
    throw new RpcError("UNIMPLEMENTED", `google.firestore.v1.Firestore/${name} is not supported.`);
  };
}

async function callerOf({ callers }: GrpcParts, metadata: Metadata): Promise<Caller> {
  return await callers.resolve(metadata.get("authorization").map(String));
}

/** A ServiceError for grpc-js; a defect is logged here because its details go no further. */
function serviceError({ log }: GrpcParts, thrown: unknown): RpcError & { details: string } {
  const error = asRpcError(thrown);
  if (error.status === "INTERNAL") log.error("a firestore call failed", { error: thrown });
  return Object.assign(error, { details: error.message });
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
    try {
      const caller = await callerOf(parts, call.metadata);
      for await (const response of method(parts.context, caller, call.request)) {
        if (call.cancelled) return;
        call.write(response);
      }
      call.end();
    } catch (error) {
      call.emit("error", serviceError(parts, error));
    }
  };
}

/** Requests that arrive while the caller is still being verified wait in the stream. */
function twoWay(parts: GrpcParts, method: TwoWayMethod): UntypedHandleCall {
  return async (call: ServerDuplexStream<Json, object>) => {
    call.sendMetadata(new Metadata());
    let open: OpenCall | undefined;
    let expiry: Timer | undefined;
    let isOver = false;
    const finish = (): void => {
      isOver = true;
      expiry?.cancel();
      open?.close();
      open = undefined;
    };
    const fail = (error: unknown): void => {
      if (isOver) return;
      finish();
      call.emit("error", serviceError(parts, error));
    };
    call.on("cancelled", finish);
    call.on("error", finish);
    try {
      const caller = await callerOf(parts, call.metadata);
      if (isOver) return;
      open = method(parts.context, caller, {
        send: (response) => {
          if (!isOver) call.write(response);
        },
        fail,
      });
      expiry = endWhenTokenExpires(parts.context.timers, caller, fail);
    } catch (error) {
      fail(error);
      return;
    }
    call.on("data", (request: Json) => {
      try {
        open?.receive(request);
      } catch (error) {
        fail(error);
      }
    });
    call.on("end", () => {
      finish();
      call.end();
    });
  };
}

/** What every kind of gRPC call needs: who calls, and how an error is told. */
import type { Metadata } from "@grpc/grpc-js";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { OpenConnections } from "../../serving/open-connections.ts";
import type { Caller, CallerResolver } from "../edge/caller.ts";
import type { EdgeLimits } from "../edge/edge-limits.ts";
import { asRpcError, type RpcError } from "../rpc-error.ts";
import type { RpcContext } from "../rpc/method.ts";

export interface GrpcParts {
  readonly context: RpcContext;
  readonly callers: CallerResolver;
  readonly connections: OpenConnections;
  readonly limits: EdgeLimits;
  readonly log: Logger;
}

const LONE_SURROGATE = /\p{Surrogate}/gu;

export async function callerOf({ callers }: GrpcParts, metadata: Metadata): Promise<Caller> {
  return await callers.resolve(metadata.get("authorization").map(String));
}

/** A ServiceError for grpc-js; a defect is logged here because its details go no further. */
export function serviceError(
  { log }: Pick<GrpcParts, "log">,
  thrown: unknown,
): RpcError & { details: string } {
  const error = asRpcError(thrown);
  if (error.status === "INTERNAL") log.error("a firestore call failed", { error: thrown });
  // grpc-js percent-encodes the text, which throws for half a surrogate pair.
  return Object.assign(error, { details: error.message.replaceAll(LONE_SURROGATE, "\uFFFD") });
}

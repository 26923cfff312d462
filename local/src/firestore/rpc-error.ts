/** An answer other than OK, in the words of google.rpc.Code. */

export const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

export type StatusName = Exclude<(typeof STATUS_NAMES)[number], "OK">;

/** HTTP status of each code as Google's REST front end maps it; the rest are 500. */
const HTTP_STATUS: Partial<Record<StatusName, number>> = {
  CANCELLED: 499,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  UNAUTHENTICATED: 401,
};

export class RpcError extends Error {
  override readonly name: string = "RpcError";
  readonly status: StatusName;

  constructor(status: StatusName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }

  /** google.rpc.Code number, which is also the gRPC status code. */
  get code(): number {
    return STATUS_NAMES.indexOf(this.status);
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.status] ?? 500;
  }
}

export function invalid(message: string): RpcError {
  return new RpcError("INVALID_ARGUMENT", message);
}

/** What a caller is told of anything thrown: a defect shows as INTERNAL without its details. */
export function asRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError("INTERNAL", "Internal error encountered.", { cause: error });
}

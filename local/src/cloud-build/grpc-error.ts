import { status } from "@grpc/grpc-js";

/** An error with the gRPC code it is answered with. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export function invalid(message: string): GrpcError {
  return new GrpcError(status.INVALID_ARGUMENT, message);
}

export function unimplemented(what: string): GrpcError {
  return new GrpcError(status.UNIMPLEMENTED, `${what} is not implemented by this stand-in`);
}

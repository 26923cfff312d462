/** A Kubernetes Status answer: what every refused call gets. */

const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  NotImplemented: 501,
  InternalError: 500,
} as const;

export type StatusReason = keyof typeof CODES;

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly reason: StatusReason;
  readonly code: number;
  readonly causes: readonly StatusCause[];

  constructor(reason: StatusReason, message: string, causes: readonly StatusCause[] = []) {
    super(message);
    this.reason = reason;
    this.code = CODES[reason];
    this.causes = causes;
  }

  toStatus(): Readonly<Record<string, unknown>> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.causes.length === 0 ? {} : { details: { causes: this.causes } }),
      code: this.code,
    };
  }
}

/** Errors as Google's REST APIs word them: `{error: {code, status, message}}`. */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";

export const GOOGLE_STATUS = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONDITION_NOT_MET: 412,
  PAYLOAD_TOO_LARGE: 413,
  RANGE_NOT_SATISFIABLE: 416,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
} as const;

export type GoogleStatus = keyof typeof GOOGLE_STATUS;

export class GoogleError extends Error {
  override readonly name: string = "GoogleError";
  readonly status: GoogleStatus;
  /** Further fields of the `error` object, for example `details` or `errors`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(
    status: GoogleStatus,
    message: string,
    extra: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = status;
    this.extra = extra;
  }

  get code(): number {
    return GOOGLE_STATUS[this.status];
  }
}

/** The refusal of everything outside a stand-in's subset: it names what was asked for. */
export function notImplemented(what: string): GoogleError {
  return new GoogleError("UNIMPLEMENTED", `${what} is not implemented by this stand-in.`);
}

export interface GoogleErrorBody {
  readonly httpStatus: number;
  readonly body: { readonly error: Readonly<Record<string, unknown>> };
}

/** What is sent for anything thrown; unknown errors do not leak their text. */
export function googleErrorBody(error: unknown): GoogleErrorBody {
  if (error instanceof GoogleError) {
    const { code, message, status, extra } = error;
    return { httpStatus: code, body: { error: { code, message, status, ...extra } } };
  }
  if (isBifrostError(error) && error.status < 500) {
    const code = error.status;
    return { httpStatus: code, body: { error: { code, message: messageOf(error) } } };
  }
  return {
    httpStatus: 500,
    body: { error: { code: 500, message: "Internal error encountered.", status: "INTERNAL" } },
  };
}

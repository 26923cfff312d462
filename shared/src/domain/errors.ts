/** Every error that may reach a person has a row here; renderers (HTTP, CLI) read nothing else. */

interface ErrorKind {
  /** HTTP status of the problem+json answer. */
  readonly status: number;
  /** Whether repeating the same call later may succeed. */
  readonly retryable: boolean;
  /** One line: what happened, for the error reference. */
  readonly meaning: string;
}

export const ERROR_KINDS = {
  "bad-request": {
    status: 400,
    retryable: false,
    meaning: "The request does not match its schema.",
  },
  "body-too-large": {
    status: 413,
    retryable: false,
    meaning: "The request body exceeds the cap of this endpoint.",
  },
  "unsupported-media-type": {
    status: 415,
    retryable: false,
    meaning: "The request's content type is not accepted here.",
  },
  unauthenticated: {
    status: 401,
    retryable: false,
    meaning: "No credential, or one that is invalid or expired.",
  },
  "permission-denied": { status: 403, retryable: false, meaning: "The caller may not do this." },
  "bad-signature": {
    status: 401,
    retryable: false,
    meaning: "The webhook signature does not match the body.",
  },
  "not-found": {
    status: 404,
    retryable: false,
    meaning: "The named thing does not exist, or the caller may not see it.",
  },
  "already-exists": { status: 409, retryable: false, meaning: "Something with that name exists." },
  "illegal-move": {
    status: 409,
    retryable: false,
    meaning: "The lifecycle table has no such move from the current state.",
  },
  "stale-attempt": {
    status: 409,
    retryable: false,
    meaning: "The call belongs to an earlier attempt of the deployment.",
  },
  "execution-superseded": {
    status: 409,
    retryable: false,
    meaning: "Another workflow execution drives this attempt.",
  },
  "write-conflict": {
    status: 409,
    retryable: true,
    meaning: "Someone else changed the document first; read again.",
  },
  "idempotency-mismatch": {
    status: 422,
    retryable: false,
    meaning: "The Idempotency-Key was used with another request.",
  },
  "precondition-failed": {
    status: 412,
    retryable: false,
    meaning: "The If-Match tag is not the current one.",
  },
  "config-invalid": {
    status: 422,
    retryable: false,
    meaning: "deploy.toml has errors; every one is listed.",
  },
  "policy-not-passed": {
    status: 409,
    retryable: false,
    meaning: "This version of the policy failed its check; the report says where.",
  },
  "policy-in-use": {
    status: 409,
    retryable: false,
    meaning: "The policy is attached somewhere; detach it first.",
  },
  "not-ready": { status: 409, retryable: true, meaning: "What this step needs is not there yet." },
  "no-image": {
    status: 409,
    retryable: false,
    meaning: "The deployment has no stored image to roll back to.",
  },
  "manifest-invalid": {
    status: 422,
    retryable: false,
    meaning: "Generated Kubernetes objects failed their schema check.",
  },
  "runtime-unavailable": {
    status: 422,
    retryable: false,
    meaning: "The toolchain of this runtime is missing where the build runs.",
  },
  "not-implemented": {
    status: 501,
    retryable: false,
    meaning: "The request is understood; this part is not built.",
  },
  "rate-limited": {
    status: 429,
    retryable: true,
    meaning: "Too many requests; Retry-After says when.",
  },
  "upstream-unavailable": {
    status: 503,
    retryable: true,
    meaning: "A service this one needs did not answer.",
  },
  "upstream-refused": {
    status: 502,
    retryable: false,
    meaning: "A service this one needs refused the call.",
  },
  "invalid-environment": {
    status: 500,
    retryable: false,
    meaning: "A configuration variable is missing or malformed.",
  },
  "cluster-config-invalid": {
    status: 500,
    retryable: false,
    meaning: "The file named by BIFROST_CONFIG has errors; every one is listed.",
  },
  "port-taken": { status: 500, retryable: false, meaning: "A port the platform needs is in use." },
  "missing-tool": {
    status: 500,
    retryable: false,
    meaning: "A program the platform needs is not installed.",
  },
  "disk-full": {
    status: 507,
    retryable: true,
    meaning: "No space left where the platform keeps its data.",
  },
  "already-running": {
    status: 409,
    retryable: false,
    meaning: "A platform already runs on this data directory.",
  },
  "data-corrupt": {
    status: 500,
    retryable: false,
    meaning: "A stored file cannot be read as what it should be.",
  },
  internal: {
    status: 500,
    retryable: true,
    meaning: "A defect of the platform; the log has the details.",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** Values involved, safe to show: ids, names, positions; never secrets or bodies. */
export type ErrorFacts = Readonly<
  Record<string, string | number | boolean | readonly string[] | null>
>;

/** The one error type: a stable code, a message that says what happened and what to do, and the facts. */
export class BifrostError extends Error {
  override readonly name: string = "BifrostError";
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.facts = facts;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.code].retryable;
  }

  get status(): number {
    return ERROR_KINDS[this.code].status;
  }
}

export function isBifrostError(error: unknown, code?: ErrorCode): error is BifrostError {
  return error instanceof BifrostError && (code === undefined || error.code === code);
}

/** Message of anything thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** How a command ended, for scripts. */
import { BifrostError, type ErrorCode } from "@bifrost/shared/domain/errors";

export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  configInvalid: 5,
  deploymentFailed: 6,
  conflict: 7,
  timedOut: 8,
  notHealthy: 9,
  interrupted: 130,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  "bad-request": EXIT.usage,
  "not-found": EXIT.notFound,
  unauthenticated: EXIT.auth,
  "permission-denied": EXIT.auth,
  "config-invalid": EXIT.configInvalid,
  "illegal-move": EXIT.conflict,
  "already-exists": EXIT.conflict,
  "write-conflict": EXIT.conflict,
  "no-image": EXIT.conflict,
  "not-ready": EXIT.conflict,
  "policy-not-passed": EXIT.conflict,
  "policy-in-use": EXIT.conflict,
  "precondition-failed": EXIT.conflict,
};

export function exitCodeOf(error: unknown): number {
  return error instanceof BifrostError ? (BY_CODE[error.code] ?? EXIT.error) : EXIT.error;
}

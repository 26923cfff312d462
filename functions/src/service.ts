/** A function as the rest of this workspace sees it: a request in, a response out. */
import {
  BifrostError,
  ERROR_KINDS,
  type ErrorCode,
  messageOf,
} from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";

export type Service = (request: Request) => Promise<Response>;

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Any thrown value as RFC 9457 problem+json; what is no BifrostError keeps its words in the log alone. */
export function problemOf(error: unknown): Problem {
  const known =
    error instanceof BifrostError
      ? error
      : new BifrostError(
          "internal",
          "the platform failed to handle this request; its log has the details",
        );
  return {
    type: `https://bifrost.dev/errors/${known.code}`,
    title: ERROR_KINDS[known.code].meaning,
    status: known.status,
    detail: known.message,
    code: known.code,
    facts: known.facts,
  };
}

export function problemResponse(error: unknown): Response {
  const problem = problemOf(error);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      ...(problem.status === 429 || problem.status === 503 ? { "retry-after": "1" } : {}),
    },
  });
}

/** Turns thrown errors into problems and logs those that are ours to mend. */
export function guarded(service: Service, log: Logger): Service {
  return async (request) => {
    try {
      return await service(request);
    } catch (error) {
      const expected = error instanceof BifrostError && error.status < 500;
      if (expected) log.info("request refused", { code: error.code, detail: messageOf(error) });
      else log.error("request failed", { error });
      return problemResponse(error);
    }
  };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

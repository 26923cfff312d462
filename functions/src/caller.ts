/** Who may call which function: services of the platform, by their OIDC identity. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Caller, CallerVerifier } from "@bifrost/shared/ports/identity";

export interface CallerCheck {
  readonly verifier: CallerVerifier;
  /** The function's own address. */
  readonly audience: string;
  /** Service names that may call; null = any service of the platform. */
  readonly allowed: readonly string[] | null;
}

export async function requireCaller(request: Request, check: CallerCheck): Promise<Caller> {
  const header = request.headers.get("authorization") ?? "";
  const token = header.startsWith("Bearer ") ? header.slice("Bearer ".length) : "";
  if (token === "") {
    throw new BifrostError(
      "unauthenticated",
      "an identity token of a platform service is required",
      {
        audience: check.audience,
      },
    );
  }
  const caller = await check.verifier.verify(token, check.audience);
  if (check.allowed !== null && !check.allowed.includes(caller.service)) {
    throw new BifrostError(
      "permission-denied",
      `${caller.service} may not call ${check.audience}`,
      {
        service: caller.service,
        allowed: check.allowed,
      },
    );
  }
  return caller;
}

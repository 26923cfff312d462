/** The one signer of custom tokens: a service gets a token for its own principal and for nothing else. */
import { requireCaller, type CallerCheck } from "../caller.ts";
import type { Ports } from "../ports.ts";
import { json, type Service } from "../service.ts";

export function issuePrincipalService(ports: Pick<Ports, "signer">, callers: CallerCheck): Service {
  return async (request) => {
    const caller = await requireCaller(request, callers);
    await request.body?.cancel();
    return json({ customToken: await ports.signer.customToken(caller.service) });
  };
}

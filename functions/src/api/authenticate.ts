/** Who calls the API: an API key or a Firebase ID token, as a bearer. */
import { createHash } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Person, TeamDirectory } from "@bifrost/shared/ports/team-directory";
import { createMiddleware } from "hono/factory";

/** API keys carry this prefix so that secret scanners and people recognise them. */
const KEY_PREFIX = "bfk_";

export interface ApiVariables {
  readonly person: Person;
}

export function authenticate(teams: TeamDirectory) {
  return createMiddleware<{ Variables: ApiVariables }>(async (context, next) => {
    const header = context.req.header("authorization") ?? "";
    const token = header.startsWith("Bearer ") ? header.slice("Bearer ".length) : "";
    const person = token.startsWith(KEY_PREFIX)
      ? await teams.byApiKeyHash(createHash("sha256").update(token).digest("hex"))
      : token === ""
        ? null
        : await teams.byIdToken(token);
    if (person === null) {
      throw new BifrostError(
        "unauthenticated",
        "send a valid API key or ID token as `Authorization: Bearer …`",
      );
    }
    context.set("person", person);
    await next();
  });
}

export function requireScope(person: Person, scope: Person["scopes"][number]): void {
  if (person.scopes.includes(scope) || person.scopes.includes("admin")) return;
  throw new BifrostError("permission-denied", `this needs a credential with the scope ${scope}`, {
    scope,
  });
}

/** Policies on behalf of a person: their teams' and the platform's, which everyone sees and administrators change. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import { type Policy, policyNameSchema } from "@bifrost/shared/domain/policy";
import { standardPolicy } from "@bifrost/shared/domain/standard-policies";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import type { Person } from "@bifrost/shared/ports/team-directory";
import * as v from "valibot";
import type { Ports } from "../ports.ts";
import { requireScope } from "./authenticate.ts";

export function canSee(person: Person, { teamId }: Pick<Policy, "teamId">): boolean {
  return teamId === null || person.teamIds.includes(teamId);
}

/** Logs and reports tell of requests: those to a team's own projects, and to everybody's when it is the platform's policy. */
export function seesRequests(person: Person, { teamId }: Pick<Policy, "teamId">): boolean {
  return teamId !== null || person.scopes.includes("admin");
}

export function requireOwner(person: Person, { teamId }: Pick<Policy, "teamId">): void {
  requireScope(person, teamId === null ? "admin" : "deploy");
}

export async function findPolicy(
  { policies }: Pick<Ports, "policies">,
  person: Person,
  name: string,
): Promise<Versioned<Policy>> {
  const found = v.is(policyNameSchema, name) ? await policies.read(name) : null;
  if (found !== null && canSee(person, found.value)) return found;
  if (standardPolicy(name) !== null) {
    const message = `${name} comes with the platform and is always in service: it has no versions, log or history of its own`;
    throw new BifrostError("bad-request", message, { policy: name });
  }
  throw new BifrostError(
    "not-found",
    `there is no policy ${name}; \`bifrost policies list\` shows yours`,
    { policy: name },
  );
}

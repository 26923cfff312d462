/** Who may use git and the registry of this one-user platform. */
import { timingSafeEqual } from "node:crypto";
import type { AuthorizeRegistry } from "../artifact-registry/handle-request.ts";
import type { GitHostOptions } from "../git-host/index.ts";
import type { RunningIam } from "../iam/index.ts";
import type { Secrets } from "../secrets.ts";
import { REPOSITORY_OWNER } from "./context.ts";

function same(found: string, expected: string): boolean {
  const [one, other] = [Buffer.from(found), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** The local user, with the API key as password, on repositories of the local owner. */
export function authorizeGit(secrets: Secrets): GitHostOptions["authorizeGit"] {
  return async (credentials, repository) =>
    credentials !== null &&
    same(credentials.password, secrets.apiKey) &&
    repository.startsWith(`${REPOSITORY_OWNER}/`);
}

/** Builds and the kubelet share one token; a service of the platform that reads images comes with its account's. */
export function authorizeRegistry(
  secrets: Secrets,
  { accountOf }: Pick<RunningIam, "accountOf">,
): AuthorizeRegistry {
  return async (credential) =>
    credential !== null &&
    (same(credential.token, secrets.registryToken) || accountOf(credential.token) !== undefined);
}

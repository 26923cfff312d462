/** The policies that come with every gateway: `gateway/policies/<name>.lua`, attached as `standard/<name>`. */
import { STANDARD_PREFIX } from "./policy.ts";

export const STANDARD_POLICIES = {
  "rate-limit": "so many requests per second and client, by address or by a header",
  "ab-split": "shares of the traffic for the named targets of a route, sticky by cookie or header",
  headers: "sets and removes header fields of requests and responses",
  "basic-auth": "asks for a user name and a password",
  "ip-allow": "lets in only the addresses and networks on a list",
  cors: "answers preflight requests and names the origins that may read",
  maintenance: "answers 503 with a page, except to the addresses on a list",
} as const;

/** `reference` as attachments spell it. */
export function isStandardPolicy(reference: string): boolean {
  return (
    reference.startsWith(STANDARD_PREFIX) &&
    Object.hasOwn(STANDARD_POLICIES, reference.slice(STANDARD_PREFIX.length))
  );
}

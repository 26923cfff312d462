/** That a project wants to be served under a domain of its own, and whether it has shown that it controls it. */
import * as v from "valibot";
import { type ProjectId, projectIdSchema, type RandomBytes } from "./ids.ts";

/**
 * `domains/{domain}~{projectId}`. Any project may claim any domain; the one that proves control gets `routes/{domain}`,
 * which exists once. So a claim by a stranger is in nobody's way.
 */
export const domainClaimSchema = v.object({
  domain: v.string(),
  projectId: projectIdSchema,
  /** What the TXT record has to say. */
  token: v.string(),
  /** null = control is not shown yet. */
  verifiedAt: v.nullable(v.date()),
  createdAt: v.date(),
});
export type DomainClaim = v.InferOutput<typeof domainClaimSchema>;

export function claimName({
  domain,
  projectId,
}: Pick<DomainClaim, "domain" | "projectId">): string {
  return `${domain}~${projectId}`;
}

/** Name of the TXT record that shows who controls a domain. */
export function verificationName(domain: string): string {
  return `_bifrost.${domain}`;
}

export function newClaim(
  domain: string,
  projectId: ProjectId,
  random: RandomBytes,
  now: number,
): DomainClaim {
  const token = `bifrost-${Array.from(random(20), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  return { domain, projectId, token, verifiedAt: null, createdAt: new Date(now) };
}

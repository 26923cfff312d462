/** Which version of a policy a gateway should run, given what is stored and what failed here. */
import type { Policy } from "@bifrost/shared/domain/policy";

export type Wanted =
  /** Nobody put a version in service, or somebody took it out: requests pass. */
  | { readonly kind: "off" }
  | { readonly kind: "version"; readonly version: number }
  /** Every version there is has failed: what happens to requests is what this version says. */
  | { readonly kind: "disabled"; readonly version: number };

/** `failed`: versions that failed here and are not known to be taken out of service yet. */
export function wantedVersion(policy: Policy, failed: ReadonlySet<number>): Wanted {
  const { activeVersion, formerVersions } = policy;
  if (activeVersion === null) return outOfService(policy);
  const version = [activeVersion, ...formerVersions.toReversed()].find((one) => !failed.has(one));
  return version === undefined
    ? { kind: "disabled", version: activeVersion }
    : { kind: "version", version };
}

function outOfService({ fault, history }: Policy): Wanted {
  const last = history.findLast(({ what }) => what === "disabled");
  return fault === null || last === undefined
    ? { kind: "off" }
    : { kind: "disabled", version: last.version };
}

/** What one path prefix of one host serves: a route and its path rule joined, made once for each new route table. */
import { normalPrefix } from "@bifrost/shared/domain/match-path";
import type {
  Redirect,
  Route,
  RouteTable,
  RouteTarget,
  Stickiness,
} from "@bifrost/shared/domain/route";
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import type { PolicyChain } from "../policies/policy-chain.ts";

export interface Site {
  readonly kind: "site";
  readonly host: string;
  readonly projectId: string;
  /** Host and prefix: what its traffic is counted under. */
  readonly route: string;
  /** Begins with "/"; "/" = the whole host. */
  readonly prefix: string;
  readonly stripsPrefix: boolean;
  /** Empty: the project's live release. */
  readonly targets: readonly RouteTarget[];
  readonly stickiness: Stickiness;
  readonly redirect: Redirect | null;
  /** null = no policy is attached. */
  readonly chain: PolicyChain | null;
  /** What a probe of the platform's own carries to be served past the chain; null = there is none of this site. */
  readonly probeToken: string | null;
}

/** The chain of these attachments, in their order; null for none. */
export type ChainOf = (
  attachments: readonly PolicyAttachment[],
  projectId: string,
) => PolicyChain | null;

export interface SitePolicies {
  readonly platform: readonly PolicyAttachment[];
  readonly ofProject: (projectId: string) => readonly PolicyAttachment[];
  readonly chainOf: ChainOf;
}

export function sitePolicies(table: RouteTable, chainOf: ChainOf): SitePolicies {
  return {
    platform: table.platformPolicies,
    ofProject: (projectId) => table.projectPolicies.get(projectId) ?? [],
    chainOf,
  };
}

/** The sites of a route, longest prefix first; the last one is "/" and always there. */
export function sitesOf(route: Route, policies: SitePolicies): readonly Site[] {
  const { host, stickiness } = route;
  const whole: Site = {
    kind: "site",
    host,
    projectId: route.projectId,
    route: `${host}/`,
    prefix: "/",
    stripsPrefix: false,
    targets: route.targets,
    stickiness,
    redirect: route.redirect,
    chain: chainFor(policies, route.projectId, route.policies),
    probeToken: null,
  };
  if (route.paths.length === 0) return [whole];
  const below = route.paths.map((rule): Site => {
    const projectId = rule.projectId ?? route.projectId;
    const prefix = normalPrefix(rule.prefix);
    return {
      kind: "site",
      host,
      projectId,
      route: `${host}${prefix}`,
      prefix,
      stripsPrefix: rule.stripsPrefix,
      targets: rule.targets,
      stickiness,
      redirect: rule.redirect,
      chain: chainFor(policies, projectId, [...route.policies, ...rule.policies]),
      probeToken: null,
    };
  });
  return [...below.toSorted((a, b) => b.prefix.length - a.prefix.length), whole];
}

/** What `<deployment id>.<domain>` serves: that deployment, under the policies of its project. */
export function previewSite(
  deploymentId: string,
  projectId: string,
  domain: string,
  policies: SitePolicies,
): Site {
  const host = `${deploymentId}.${domain}`;
  return {
    kind: "site",
    host,
    projectId,
    route: `${host}/`,
    prefix: "/",
    stripsPrefix: false,
    targets: [{ deploymentId, weight: 1 }],
    stickiness: { by: "address" },
    redirect: null,
    chain: chainFor(policies, projectId, []),
    probeToken: null,
  };
}

function chainFor(
  { platform, ofProject, chainOf }: SitePolicies,
  projectId: string,
  own: readonly PolicyAttachment[],
): PolicyChain | null {
  return chainOf([...platform, ...ofProject(projectId), ...own], projectId);
}

/** Which policies are loaded, where they are used, and how they fare. */
import { Hono } from "hono";
import type { RouteTable } from "@bifrost/shared/domain/route";
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import { scriptKey, type PolicyFault } from "../workers/policy-runtime.ts";
import type { PlanesSummary } from "../workers/data-planes.ts";
import type { Tables } from "../workers/tables.ts";

export interface PolicyFacts {
  readonly tables: Tables;
  readonly summary: PlanesSummary;
  /** The newest of each script. */
  readonly faults: ReadonlyMap<string, PolicyFault & { readonly at: number }>;
}

export function policyRoutes(facts: () => PolicyFacts): Hono {
  const app = new Hono();
  app.get("/policies", (c) => c.json({ policies: describePolicies(facts()) }));
  return app;
}

function describePolicies({ tables, summary, faults }: PolicyFacts) {
  const { scripts, disabled } = tables.policies;
  return scripts.map((script) => {
    const key = scriptKey(script);
    const fault = faults.get(key);
    return {
      name: script.name,
      version: script.version,
      kind: script.kind,
      state: disabled.has(key) ? "disabled" : "loaded",
      usedBy: tables.routes === null ? [] : usesOf(script.name, tables.routes),
      calls: summary.totals?.policyCalls.get(key) ?? 0,
      errors: summary.totals?.policyErrors.get(key) ?? 0,
      lastFault: fault === undefined ? null : { ...fault, at: new Date(fault.at).toISOString() },
    };
  });
}

/** `platform`, `project p`, `shop.example`, `shop.example/api`. */
function usesOf(name: string, table: RouteTable): readonly string[] {
  const uses: string[] = [];
  const look = (where: string, attachments: readonly PolicyAttachment[]): void => {
    if (attachments.some(({ policy }) => policy === name)) uses.push(where);
  };
  look("platform", table.platformPolicies);
  for (const [projectId, attached] of table.projectPolicies) look(`project ${projectId}`, attached);
  for (const [host, { policies, paths }] of table.routes) {
    look(host, policies);
    for (const rule of paths) look(`${host}${rule.prefix}`, rule.policies);
  }
  return uses;
}

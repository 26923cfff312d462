/** With which settings a policy is in use. */
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import type { RouteTable } from "@bifrost/shared/domain/route";

/** Each distinct set of settings once. */
export function attachedConfigs(
  name: string,
  table: RouteTable | null,
): readonly PolicyAttachment["config"][] {
  if (table === null) return [];
  const found = new Map<string, PolicyAttachment["config"]>();
  for (const { policy, config } of attachmentsIn(table)) {
    if (policy === name) found.set(JSON.stringify(config), config);
  }
  return [...found.values()];
}

function* attachmentsIn(table: RouteTable): Generator<PolicyAttachment> {
  yield* table.platformPolicies;
  for (const attached of table.projectPolicies.values()) yield* attached;
  for (const { policies, paths } of table.routes.values()) {
    yield* policies;
    for (const rule of paths) yield* rule.policies;
  }
}

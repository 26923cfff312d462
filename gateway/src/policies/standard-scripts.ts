/** The policies that come with the gateway, read once at start from the folder they are shipped in. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { messageOf } from "@bifrost/shared/domain/errors";
import { type PolicyKind, type PolicyScript, STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";
import type { Logger } from "@bifrost/shared/ports/logger";

/** Alert rules in service on every gateway: `alerts/<name>.lua`. */
const STANDARD_ALERTS = ["unhealthy"] as const;

/** One that is missing is said and left out: whatever it is attached to refuses requests rather than let them pass. */
export function readStandardScripts(folder: string, log: Logger): readonly PolicyScript[] {
  const policies = Object.keys(STANDARD_POLICIES);
  return [
    ...policies.flatMap((name) =>
      readScript("request", name, path.join(folder, `${name}.lua`), log),
    ),
    ...STANDARD_ALERTS.flatMap((name) =>
      readScript("alert", name, path.join(folder, "alerts", `${name}.lua`), log),
    ),
  ];
}

function readScript(kind: PolicyKind, name: string, file: string, log: Logger): PolicyScript[] {
  try {
    const source = readFileSync(file, "utf8");
    return [{ name: `${STANDARD_PREFIX}${name}`, kind, version: 0, source }];
  } catch (error) {
    log.error("standard policy is missing", { file, error: messageOf(error) });
    return [];
  }
}

/** The policies that come with the gateway, read once at start from the folder they are shipped in. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { messageOf } from "@bifrost/shared/domain/errors";
import { type PolicyScript, STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";
import type { Logger } from "@bifrost/shared/ports/logger";

/** One that is missing is said and left out: whatever it is attached to refuses requests rather than let them pass. */
export function readStandardScripts(folder: string, log: Logger): readonly PolicyScript[] {
  return Object.keys(STANDARD_POLICIES).flatMap((name) => {
    const file = path.join(folder, `${name}.lua`);
    try {
      const source = readFileSync(file, "utf8");
      return [{ name: `${STANDARD_PREFIX}${name}`, kind: "request" as const, version: 0, source }];
    } catch (error) {
      log.error("standard policy is missing", { file, error: messageOf(error) });
      return [];
    }
  });
}

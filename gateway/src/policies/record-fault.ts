/** Writes down, once for all gateways, that a version was taken out of service. */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Policy } from "@bifrost/shared/domain/policy";
import { faulted } from "@bifrost/shared/domain/policy-changes";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import { retryDelayMs } from "./retry-delay.ts";

/** The principal that the security rules know. */
const GATEWAY = "gateway";

export interface FaultRecord {
  readonly name: string;
  readonly version: number;
  readonly why: string;
}

export interface FaultRecorder {
  readonly store: Pick<PolicyStore, "read" | "change">;
  readonly timers: Timers;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Tries until it is stored, by this gateway or another one. Answers the policy as it is then; null = there is none. */
export async function recordFault(
  { store, timers, log, signal }: FaultRecorder,
  { name, version, why }: FaultRecord,
): Promise<Policy | null> {
  for (let failures = 0; !signal.aborted;) {
    try {
      const found = await store.read(name);
      if (found === null) return null;
      if (found.value.activeVersion !== version) return found.value;
      const at = new Date(timers.now());
      await store.change(found, faulted(found.value, { by: GATEWAY, at, why }));
    } catch (error) {
      if (isBifrostError(error, "write-conflict")) continue;
      failures++;
      log.warn("a policy's fault is not stored yet", {
        script: name,
        version,
        error: messageOf(error),
      });
      await timers.sleep(retryDelayMs(failures), signal);
    }
  }
  return null;
}

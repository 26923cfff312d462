/** What went wrong with policies, at whichever worker: the newest fault of each script. */
import type { Clock } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { scriptKey, type PolicyFault } from "./policy-runtime.ts";

export type DatedFault = PolicyFault & { readonly at: number };

/** Scripts remembered; versions come and go. */
const KEPT = 256;

export class PolicyFaults {
  readonly newest = new Map<string, DatedFault>();
  /** Is told of each fault. */
  onFault: (fault: PolicyFault) => void = () => undefined;
  private readonly clock: Clock;
  private readonly log: Logger;

  constructor(clock: Clock, log: Logger) {
    this.clock = clock;
    this.log = log;
  }

  add(fault: PolicyFault): void {
    const { script: name, version, kind, line, message } = fault;
    const key = scriptKey({ name, version });
    this.newest.delete(key);
    this.newest.set(key, { ...fault, at: this.clock.now() });
    if (this.newest.size > KEPT) {
      const [oldest] = this.newest.keys();
      if (oldest !== undefined) this.newest.delete(oldest);
    }
    this.log.warn("policy failed", { script: name, version, kind, line, detail: message });
    this.onFault(fault);
  }
}

/** Tells the data planes which replicas to avoid, from the samples that reach this gateway's collector. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import type { TakenSample } from "../telemetry/sample-feed.ts";
import { avoidedAddresses, heardKey, type HeardOf } from "./avoided.ts";

/** How often silence is looked for. */
const SWEEP_MS = 1000;

export class HealthFeed {
  private readonly timers: Timers;
  private readonly avoid: (addresses: ReadonlySet<string>) => void;
  private readonly heard = new Map<string, HeardOf>();
  private backends: BackendTable = new Map();
  private avoided: ReadonlySet<string> = new Set();
  private timer: Timer;

  /** `avoid` is called when the set changed. */
  constructor(timers: Timers, avoid: (addresses: ReadonlySet<string>) => void) {
    this.timers = timers;
    this.avoid = avoid;
    this.timer = timers.after(SWEEP_MS, () => this.sweep());
  }

  take(samples: readonly TakenSample[]): void {
    for (const { deploymentId, line, replica } of samples) {
      this.heard.set(heardKey(deploymentId, replica.pod), { replica, fails: line.fails });
    }
    this.tell();
  }

  setBackends(backends: BackendTable): void {
    this.backends = backends;
    this.tell();
  }

  stop(): void {
    this.timer.cancel();
  }

  private sweep(): void {
    const now = this.timers.now();
    for (const [key, { replica }] of this.heard) {
      if (now >= replica.expireAt) this.heard.delete(key);
    }
    this.tell();
    this.timer = this.timers.after(SWEEP_MS, () => this.sweep());
  }

  private tell(): void {
    const next = avoidedAddresses(this.heard, this.backends, this.timers.now());
    const isSame =
      next.size === this.avoided.size && [...next].every((address) => this.avoided.has(address));
    if (isSame) return;
    this.avoided = next;
    this.avoid(next);
  }
}

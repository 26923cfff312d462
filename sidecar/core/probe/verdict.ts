/** From single probes to a verdict, and how soon the next probe is due. */

/** Until the first verdict a release waits for this probe, so it comes often, but not for ever. */
const EAGER_MS: f64 = 100;
const EAGER_FOR_MS: f64 = 60_000;
/** A replica that does not become healthy, or that has become unhealthy. */
const PATIENT_MS: f64 = 1000;
/** The last probe speaks against the verdict: the next ones decide. */
const CONFIRMING_MS: f64 = 250;

export class Verdict {
  isHealthy: bool = false;
  /** Whether it has ever been healthy. */
  isProven: bool = false;
  /** Passes and failures in a row; one of them is always 0. */
  passes: f64 = 0;
  failures: f64 = 0;
  private readonly neededPasses: f64;
  private readonly neededFailures: f64;
  private readonly startedAt: f64;
  private changedAt: f64;

  constructor(neededPasses: f64, neededFailures: f64, now: f64) {
    this.neededPasses = neededPasses;
    this.neededFailures = neededFailures;
    this.startedAt = now;
    this.changedAt = now;
  }

  record(isPass: bool, now: f64): void {
    this.passes = isPass ? this.passes + 1 : 0;
    this.failures = isPass ? 0 : this.failures + 1;
    const isTurning = this.isHealthy
      ? this.failures >= this.neededFailures
      : this.passes >= this.neededPasses;
    if (!isTurning) return;
    this.isHealthy = !this.isHealthy;
    this.isProven = true;
    this.changedAt = now;
  }

  ageMs(now: f64): f64 {
    return now - this.changedAt;
  }

  /** From the start of the last probe to the start of the next. */
  paceMs(now: f64, intervalMs: f64): f64 {
    return Math.min(intervalMs, this.unboundPaceMs(now, intervalMs));
  }

  private unboundPaceMs(now: f64, intervalMs: f64): f64 {
    if (!this.isProven) return now - this.startedAt < EAGER_FOR_MS ? EAGER_MS : PATIENT_MS;
    if (this.isHealthy !== this.passes > 0) return CONFIRMING_MS;
    return this.isHealthy ? intervalMs : PATIENT_MS;
  }
}

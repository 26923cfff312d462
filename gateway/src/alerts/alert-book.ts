/** Which alerts stand, so that each is told once, repeated now and then, and taken back when it is over. */
import type { AlertValues, RaisedAlert } from "./alert-values.ts";

/** raised: for the first time. repeated: it still stands. resolved: it was not raised again. lost: its replica fell silent. */
export type AlertState = "raised" | "repeated" | "resolved" | "lost";

export interface AlertNotice extends RaisedAlert {
  readonly state: AlertState;
  readonly rule: string;
  readonly values: AlertValues;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Samples of the replica in a row that do not raise an alert until it counts as resolved: one good probe proves little. */
const QUIET_SAMPLES = 3;
/** A replica without samples for so long cannot resolve anything. */
const LOST_MS = 10 * 60_000;
/** Alerts that stand at once; further ones are dropped. A message that differs each time is another alert each time. */
const MAX_STANDING = 5000;

interface Standing {
  readonly alert: RaisedAlert;
  readonly rule: string;
  values: AlertValues;
  toldAt: number;
  seenAt: number;
  quiet: number;
}

export class AlertBook {
  /** Alerts that were raised and found no room. */
  dropped = 0;
  private readonly repeatMs: number;
  /** By rule and replica, then by severity, message and receiver. */
  private readonly standing = new Map<string, Map<string, Standing>>();
  private size = 0;

  constructor(repeatMs: number) {
    this.repeatMs = repeatMs;
  }

  get standingAlerts(): number {
    return this.size;
  }

  /** Takes what a rule said of a sample; answers what there is to tell. */
  take(
    rule: string,
    values: AlertValues,
    raised: readonly RaisedAlert[],
    at: number,
  ): AlertNotice[] {
    const place = JSON.stringify([rule, values.deploy_id, values.replica]);
    const known = this.standing.get(place);
    if (known === undefined && raised.length === 0) return [];
    const alerts = known ?? new Map<string, Standing>();
    if (known === undefined) this.standing.set(place, alerts);
    const names = new Set<string>();
    const notices = raised.flatMap((alert) => {
      const name = JSON.stringify([alert.severity, alert.message, alert.to]);
      if (names.has(name)) return [];
      names.add(name);
      return this.raise(alerts, name, { alert, rule, values, at }) ?? [];
    });
    for (const [name, one] of alerts) {
      if (names.has(name)) continue;
      one.seenAt = at;
      if (++one.quiet < QUIET_SAMPLES) continue;
      this.forget(alerts, name);
      notices.push(noticeOf({ ...one, values }, "resolved", at));
    }
    if (alerts.size === 0) this.standing.delete(place);
    return notices;
  }

  /** Those whose replica was not heard of for long: `lost`. To be called now and then. */
  sweep(now: number): AlertNotice[] {
    const notices: AlertNotice[] = [];
    for (const [place, alerts] of this.standing) {
      for (const [name, one] of alerts) {
        if (now - one.seenAt < LOST_MS) continue;
        this.forget(alerts, name);
        notices.push(noticeOf(one, "lost", now));
      }
      if (alerts.size === 0) this.standing.delete(place);
    }
    return notices;
  }

  /** Alerts of rules that are no longer in service are forgotten without a word. */
  keepRules(rules: ReadonlySet<string>): void {
    for (const [place, alerts] of this.standing) {
      const [first] = alerts.values();
      if (first !== undefined && rules.has(first.rule)) continue;
      this.size -= alerts.size;
      this.standing.delete(place);
    }
  }

  private raise(
    alerts: Map<string, Standing>,
    name: string,
    {
      alert,
      rule,
      values,
      at,
    }: { alert: RaisedAlert; rule: string; values: AlertValues; at: number },
  ): AlertNotice | null {
    const known = alerts.get(name);
    if (known === undefined) {
      if (this.size >= MAX_STANDING) {
        this.dropped++;
        return null;
      }
      const one = { alert, rule, values, toldAt: at, seenAt: at, quiet: 0 };
      alerts.set(name, one);
      this.size++;
      return noticeOf(one, "raised", at);
    }
    known.values = values;
    known.seenAt = at;
    known.quiet = 0;
    if (at - known.toldAt < this.repeatMs) return null;
    known.toldAt = at;
    return noticeOf(known, "repeated", at);
  }

  private forget(alerts: Map<string, Standing>, name: string): void {
    if (alerts.delete(name)) this.size--;
  }
}

function noticeOf({ alert, rule, values }: Standing, state: AlertState, at: number): AlertNotice {
  return { ...alert, state, rule, values, at };
}

/**
 * Which samples of a pod are news. A boot names one life of its sidecar by a wall clock that may be set back, so boots
 * are compared for equality only: an unknown one is the life that began since, one that was current before is over.
 */
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";

export type Judgement = "new" | "repeated" | "late";

/** Lives that may still have reports under way. */
const REMEMBERED = 4;

/**
 * A first report that was overtaken on its way by the next life's makes the living look dead. Nothing of a dead process
 * is under way that long after the last sign of the other one, so whoever still counts on is alive after all.
 */
const DOUBT_MS = 15_000;

export class Life {
  private boot: number;
  private seq: number;
  private heardAt: number;
  /** Boots that were current before, newest first, each with its highest number. */
  private over: { readonly boot: number; readonly seq: number }[] = [];

  /** `upMs` here and below: ms by a clock that is never set. */
  constructor({ boot, seq }: Pick<TelemetryLine, "boot" | "seq">, upMs: number) {
    this.boot = boot;
    this.seq = seq;
    this.heardAt = upMs;
  }

  /** Remembers the sample if it is new. */
  judge({ boot, seq }: Pick<TelemetryLine, "boot" | "seq">, upMs: number): Judgement {
    if (boot === this.boot) {
      if (seq <= this.seq) return "repeated";
    } else {
      const before = this.over.find((life) => life.boot === boot);
      const isInDoubt = upMs - this.heardAt > DOUBT_MS;
      if (before !== undefined && (!isInDoubt || seq <= before.seq)) return "late";
      const others = this.over.filter((life) => life !== before);
      this.over = [{ boot: this.boot, seq: this.seq }, ...others].slice(0, REMEMBERED);
    }
    this.boot = boot;
    this.seq = seq;
    this.heardAt = upMs;
    return "new";
  }

  /** Whether `boot` is known to be over. */
  isOver(boot: number): boolean {
    return this.over.some((life) => life.boot === boot);
  }
}

/**
 * The first line of defence against a script that no hook can interrupt: a thread beside the one that serves sees that
 * one call does not return, names the script on a pipe that the parent holds, and kills the process.
 */
import type { Worker } from "node:worker_threads";
import type { ScriptMarker } from "../policies/policy-host.ts";

/** Another call number, or none, is seen as life. */
const CALL = 0;
const SCRIPT = 1;
const CELLS = 2;

export interface StuckScript {
  readonly name: string;
  readonly version: number;
  readonly heldMs: number;
}

export interface SentinelLimits {
  /** How often it looks. A call is stuck when as many looks as fit into `heldMs` see it, so a suspended process is not. */
  readonly lookMs: number;
  readonly heldMs: number;
}

/** Well beyond the budgets of the engine, which ends almost everything after 50 ms by itself. */
export const DEFAULT_SENTINEL_LIMITS: SentinelLimits = { lookMs: 50, heldMs: 1000 };

export interface SentinelData extends SentinelLimits {
  readonly cell: SharedArrayBuffer;
  /** Descriptor of the pipe. */
  readonly pipe: number;
}

/** What the thread is told: the script that goes by a number. */
export interface SentinelScript {
  readonly index: number;
  readonly name: string;
  readonly version: number;
}

export class Sentinel implements ScriptMarker {
  private readonly cell: Int32Array;
  private readonly thread: Worker;
  private calls = 0;

  /** `startThread` runs `watchCalls` in a thread; it is never ended, because a listening socket is shared. */
  constructor(
    pipe: number,
    startThread: (data: SentinelData) => Worker,
    limits: SentinelLimits = DEFAULT_SENTINEL_LIMITS,
  ) {
    const buffer = new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT);
    this.cell = new Int32Array(buffer);
    this.thread = startThread({ ...limits, cell: buffer, pipe });
    this.thread.unref();
  }

  announce(index: number, name: string, version: number): void {
    const script: SentinelScript = { index, name, version };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.thread.postMessage(script);
  }

  enter(script: number): void {
    this.cell[SCRIPT] = script;
    // Never zero, which means that no call is under way.
    this.calls = this.calls >= 0x7fffffff ? 1 : this.calls + 1;
    this.cell[CALL] = this.calls;
  }

  leave(): void {
    this.cell[CALL] = 0;
  }
}

/** Reads the cell from another thread, and counts looks. */
export class CallWatch {
  private readonly cell: Int32Array;
  private readonly looks: number;
  private last = 0;
  private seen = 0;

  constructor({ cell, lookMs, heldMs }: Pick<SentinelData, "cell" | "lookMs" | "heldMs">) {
    this.cell = new Int32Array(cell);
    this.looks = Math.ceil(heldMs / lookMs);
  }

  /** The number of the script whose one call has been seen often enough; null = none. */
  look(): number | null {
    const call = Atomics.load(this.cell, CALL);
    this.seen = call !== 0 && call === this.last ? this.seen + 1 : 0;
    this.last = call;
    return this.seen >= this.looks ? Atomics.load(this.cell, SCRIPT) : null;
  }
}

/** What was written on the pipe; null for nothing, or for what no sentinel wrote. */
export function readAccusation(written: string): StuckScript | null {
  const [line = ""] = written.split("\n");
  try {
    const { name, version, heldMs } = JSON.parse(line) as Partial<StuckScript>;
    const isWhole =
      typeof name === "string" && typeof version === "number" && typeof heldMs === "number";
    return isWhole ? { name, version, heldMs } : null;
  } catch {
    return null;
  }
}

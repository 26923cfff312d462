/** How this process is: memory, and how late its event loop was. */
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface ProcessGauges {
  readonly pid: number;
  readonly residentBytes: number;
  /** The longest delay since the last reading. */
  readonly loopDelaySeconds: number;
}

/** The histogram samples this often; a delay shorter than that is not seen. */
const RESOLUTION_MS = 20;

export class ProcessMeter {
  private readonly delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.delay.enable();
  }

  take(): ProcessGauges {
    // Samples contain the resolution itself.
    const longest = this.delay.count === 0 ? 0 : this.delay.max / 1e9 - RESOLUTION_MS / 1000;
    this.delay.reset();
    return {
      pid: process.pid,
      residentBytes: process.memoryUsage.rss(),
      loopDelaySeconds: Math.max(0, longest),
    };
  }

  close(): void {
    this.delay.disable();
  }
}

/** Requests to an app without a pause, two at a time, until they are told to stop. */
import { setTimeout as sleep } from "node:timers/promises";
import type { PlatformUnderTest } from "./platform.ts";

export interface Traffic {
  /** Bodies of all 200s, in order. */
  readonly bodies: string[];
  /** Everything else. */
  readonly failures: string[];
  stop(): Promise<void>;
}

export function askContinuously(platform: PlatformUnderTest, slug: string): Traffic {
  const bodies: string[] = [];
  const failures: string[] = [];
  const over = new AbortController();
  const ask = async () => {
    while (!over.signal.aborted) {
      try {
        const { status, body } = await platform.get(slug);
        if (status === 200) bodies.push(body);
        else failures.push(`${status} ${body}`);
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(5);
    }
  };
  const all = Promise.all([ask(), ask()]);
  return {
    bodies,
    failures,
    stop: async () => {
      over.abort();
      await all;
    },
  };
}

/** Ports for a platform of a test: a run of them that nothing listens on. */
import { createServer } from "node:net";

/** As many as `npm start` takes. */
export const PORTS = 15;
/** Below what Linux hands out for outgoing connections (32768) and what apps listen on (20000). */
const FIRST = 10_000;
const STEP = 20;
const CHOICES = 490;

/** The first of fifteen consecutive free ports, at random so that test runs side by side rarely meet. */
export async function freeBasePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const base = FIRST + STEP * Math.floor(Math.random() * CHOICES);
    const checks = Array.from({ length: PORTS }, (_, index) => isFree(base + index));
    if ((await Promise.all(checks)).every(Boolean)) return base;
  }
  throw new Error(`no ${PORTS} consecutive free ports found above ${FIRST}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** What every program here does around its work: start, tell when it is ready, drain on a signal, end. */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";

/** With the parent gone nobody waits for us, and its successor wants the ports. */
const ORPHAN_DRAIN_MS = 250;

/** sysexits.h: configuration error. */
const EXIT_CONFIG = 78;

interface Started {
  /** What its ready line tells. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly exitWithStdin: boolean;
  stop(graceMs: number): Promise<void>;
}

export interface Program {
  readonly name: string;
  /** How long it may drain after SIGTERM. */
  readonly drainMs: number;
  readonly logger: () => Logger;
  start(): Promise<Started>;
}

/** Never rejects: ends the process with 78 for a wrong environment and with 1 for whatever else keeps it from starting. */
export async function runProgram(program: Program): Promise<void> {
  try {
    const started = await program.start();
    const log = program.logger();
    stopOnSignal(program, started, log);
    log.info(`${program.name} listening`, { ready: true, ...started.facts });
  } catch (error) {
    const log = program.logger();
    log.error(`${program.name} did not start`, { error: messageOf(error) });
    process.exit(isConfigError(error) ? EXIT_CONFIG : 1);
  }
}

function isConfigError(error: unknown): boolean {
  return (
    isBifrostError(error, "invalid-environment") || isBifrostError(error, "cluster-config-invalid")
  );
}

function stopOnSignal({ name, drainMs }: Program, started: Started, log: Logger): void {
  let isStopping = false;
  const stop = (cause: string, graceMs = drainMs): void => {
    if (isStopping) return;
    isStopping = true;
    log.info(`${name} draining`, { cause });
    void started.stop(graceMs).finally(() => process.exit(0));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  if (!started.exitWithStdin) return;
  process.stdin.on("end", () => stop("parent ended", ORPHAN_DRAIN_MS));
  process.stdin.on("error", () => stop("parent ended", ORPHAN_DRAIN_MS));
  process.stdin.resume();
}

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
  stop(graceMs: number): Promise<void>;
}

export interface Program {
  readonly name: string;
  /** How long it may drain after SIGTERM. */
  readonly drainMs: number;
  readonly logger: () => Logger;
  /**
   * `endWithStdin` is told what the environment says as soon as it is read: a parent may be gone before the start is over,
   * which can take seconds where what it needs went with the parent.
   */
  start(endWithStdin: (isWanted: boolean) => void): Promise<Started>;
}

/** Never rejects: ends the process with 78 for a wrong environment and with 1 for whatever else keeps it from starting. */
export async function runProgram(program: Program): Promise<void> {
  const parent = new Parent(() => process.exit(0));
  try {
    const started = await program.start((isWanted) => {
      if (isWanted) parent.watch();
    });
    const log = program.logger();
    stopWhenTold(program, started, parent);
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

/** Whoever started this process and holds the other end of its standard input. */
class Parent {
  onEnd: () => void;

  constructor(onEnd: () => void) {
    this.onEnd = onEnd;
  }

  watch(): void {
    process.stdin.on("end", () => this.onEnd());
    process.stdin.on("error", () => this.onEnd());
    process.stdin.resume();
  }
}

function stopWhenTold({ name, drainMs, logger }: Program, started: Started, parent: Parent): void {
  let isStopping = false;
  const stop = (cause: string, graceMs = drainMs): void => {
    if (isStopping) return;
    isStopping = true;
    logger().info(`${name} draining`, { cause });
    void started.stop(graceMs).finally(() => process.exit(0));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  parent.onEnd = () => stop("parent ended", ORPHAN_DRAIN_MS);
}

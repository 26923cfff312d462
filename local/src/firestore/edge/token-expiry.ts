/** A two-way call lives longer than a request, so it may outlive the token that opened it. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Caller } from "./caller.ts";
import { RpcError } from "../rpc-error.ts";

/** Timers of Node count to 2^31-1 ms, under 25 days: longer waits are made of shorter ones. */
const LONGEST_WAIT_MS = 24 * 3600_000;
const NO_TIMER: Timer = { cancel() {} };

/**
 * Calls `end` with UNAUTHENTICATED when the caller's token expires, as production ends its streams; clients then
 * come again with a fresh token. The owner and anonymous callers have none that could expire.
 */
export function endWhenTokenExpires(
  timers: Timers,
  caller: Caller,
  end: (error: RpcError) => void,
): Timer {
  const { expiresAtMs } = caller;
  if (expiresAtMs === null) return NO_TIMER;
  let timer: Timer = NO_TIMER;
  const look = (): void => {
    const leftMs = expiresAtMs - timers.now();
    if (leftMs <= 0) end(new RpcError("UNAUTHENTICATED", "The ID token has expired."));
    else timer = timers.after(Math.min(leftMs, LONGEST_WAIT_MS), look);
  };
  look();
  return { cancel: () => timer.cancel() };
}

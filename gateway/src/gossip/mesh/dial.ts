/** Calls the node at an address and waits for its program; otherwise says what its kernel made of the call. */
import type { Address } from "../member.ts";
import type { CheckResult } from "../transport.ts";
import { OutgoingStream, type StreamEnd, type StreamOptions } from "./outgoing-stream.ts";

/** `end`: what exactly happened. */
export type Dialled =
  | { readonly stream: OutgoingStream }
  | { readonly evidence: Exclude<CheckResult, "answered">; readonly end: StreamEnd };

/**
 * A process that dies may still accept a call, then reset it: its listener goes a moment after its streams. A reset is
 * taken for an answer only when it still comes after these pauses.
 */
const RESET_PAUSES_MS = [5, 10, 20];

/** Hears the end of the stream that it answers. */
type OnEnd = (end: StreamEnd, stream: OutgoingStream) => void;

export async function dial(
  address: Address,
  timeoutMs: number,
  options: StreamOptions,
  onEnd: OnEnd = () => {},
): Promise<Dialled> {
  const { timers } = options;
  const deadline = timers.now() + timeoutMs;
  const keys = keysToTry(options.security);
  const pauses = [...RESET_PAUSES_MS];
  let keyId = keys.shift() ?? 0;
  for (let left = timeoutMs; ; left = deadline - timers.now()) {
    const dialled = await dialOnce(address, keyId, Math.max(1, left), options, onEnd);
    if ("stream" in dialled || timers.now() >= deadline) return dialled;
    const isOtherKey = dialled.end === "unknown-key" || dialled.end === "not-opened";
    const next = isOtherKey ? keys.shift() : undefined;
    const pauseMs = dialled.end === "reset" ? pauses.shift() : undefined;
    if (next !== undefined) keyId = next;
    else if (pauseMs !== undefined) await timers.sleep(pauseMs);
    else return dialled;
  }
}

/**
 * The one that seals first. A node that lacks it, in the middle of a rotation, or has another one of its number, after a
 * partition in which both sides rotated, has another one of these.
 */
function keysToTry({ keyring }: StreamOptions["security"]): number[] {
  if (keyring === null) return [0];
  return [keyring.primary, ...keyring.ids.filter((id) => id !== keyring.primary)];
}

function dialOnce(
  address: Address,
  keyId: number,
  timeoutMs: number,
  options: StreamOptions,
  onEnd: OnEnd,
): Promise<Dialled> {
  return new Promise((resolve) => {
    let isReady = false;
    const stream = new OutgoingStream(address, keyId, options, {
      onReady() {
        isReady = true;
        timer.cancel();
        resolve({ stream });
      },
      onEnd(end) {
        timer.cancel();
        if (isReady) onEnd(end, stream);
        else resolve({ evidence: evidenceOf(end, stream.isConnected), end });
      },
    });
    const timer = options.timers.after(timeoutMs, () => stream.close());
  });
}

/** Whoever accepts a call and is not a node that answers is a kernel without its program, as far as this cluster goes. */
function evidenceOf(end: StreamEnd, isConnected: boolean): Exclude<CheckResult, "answered"> {
  if (end === "refused") return "refused";
  return isConnected ? "stalled" : "unreachable";
}

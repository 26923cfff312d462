/** Every open channel, found by its id; how many there may be. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { RpcError } from "../rpc-error.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Session, type SessionEnd } from "./session.ts";

const MAX_SESSIONS = 1000;
/** A page has at most two, one to listen and one to write: fifty tabs of one person. */
const MAX_SESSIONS_PER_CALLER = 100;
/** What all channels together keep for their pages. */
const MAX_UNACKNOWLEDGED_BYTES = 256 * 1024 * 1024;

export class Sessions {
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #budget = new ByteBudget(MAX_UNACKNOWLEDGED_BYTES);
  /** In the order of their opening. */
  readonly #byId = new Map<string, Session>();

  constructor(timers: Timers, log: Logger) {
    this.#timers = timers;
    this.#log = log;
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * Throws RESOURCE_EXHAUSTED. A page that was reloaded leaves channels behind that nobody fetches from: when a caller
   * has too many, the oldest of those makes room.
   */
  open(rpc: string, callerKey: string, origin: string | undefined): Session {
    const own = [...this.#byId.values()].filter(({ options }) => options.callerKey === callerKey);
    if (own.length >= MAX_SESSIONS_PER_CALLER) {
      const abandoned = own.find(({ hasBackChannel }) => !hasBackChannel);
      if (abandoned === undefined) {
        throw exhausted(`${MAX_SESSIONS_PER_CALLER} channels of one caller`);
      }
      abandoned.end("evicted");
    }
    if (this.#byId.size >= MAX_SESSIONS) throw exhausted(`${MAX_SESSIONS} channels`);
    const session = new Session({
      rpc,
      callerKey,
      origin,
      timers: this.#timers,
      budget: this.#budget,
      onEnd: (ended, why) => this.#forget(ended, why),
    });
    this.#byId.set(session.id, session);
    return session;
  }

  /** Undefined as well when it is a channel of another RPC or of a page from another origin. */
  find(id: string, rpc: string, origin: string | undefined): Session | undefined {
    const session = this.#byId.get(id);
    if (session?.options.rpc !== rpc) return undefined;
    // A page's GETs to its own origin name none.
    return origin === undefined || origin === session.options.origin ? session : undefined;
  }

  endAll(): void {
    for (const session of this.#byId.values()) session.end("stopped");
  }

  #forget(session: Session, why: SessionEnd): void {
    this.#byId.delete(session.id);
    if (why === "overflow") {
      this.#log.warn("a firestore channel ended because its page does not fetch", {
        caller: session.options.callerKey,
      });
    }
  }
}

function exhausted(what: string): RpcError {
  return new RpcError(
    "RESOURCE_EXHAUSTED",
    `There are ${what}, which is the limit: close pages, or wait for those that are gone to be forgotten.`,
  );
}

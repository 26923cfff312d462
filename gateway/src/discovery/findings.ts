/** What one method of discovery has to tell: the nodes it knows, and what is wrong with it. */
import type { LogFields, Logger } from "@bifrost/shared/ports/logger";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Address } from "../gossip/member.ts";
import { isAddress } from "./address.ts";
import type { DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { TroubleLog } from "./trouble-log.ts";
import type { TroubleName } from "./troubles.ts";

/** More nodes than any cluster has; what a registry says beyond is left out. */
export const MAX_NODES = 1024;

export class Findings {
  readonly log: Logger;
  readonly #troubles: TroubleLog;
  /** Resolves once there is something to tell, good or bad. */
  readonly first: Promise<void>;
  #hasTold: () => void = () => undefined;
  #self: DiscoverySelf | null = null;
  #handlers: DiscoveryHandlers | null = null;
  #told: string | null = null;
  #problem: string | null = null;

  constructor(type: string, log: Logger, timers: Timers) {
    this.log = log.with({ discovery: type });
    this.#troubles = new TroubleLog(this.log, timers);
    this.first = new Promise((resolve) => (this.#hasTold = resolve));
  }

  begin(self: DiscoverySelf, handlers: DiscoveryHandlers): void {
    this.#self = self;
    this.#handlers = handlers;
  }

  /** Nothing is told any more. */
  end(): void {
    this.#handlers = null;
    this.#hasTold();
  }

  get self(): DiscoverySelf {
    if (this.#self === null) throw new Error("discovery has not been started");
    return this.#self;
  }

  /** All that is known now; told when it differs from what was told before. */
  found(addresses: Iterable<Address>): void {
    const others = [...new Set(addresses)].filter(
      (address) => isAddress(address) && address !== this.#self?.address,
    );
    const known = others.toSorted().slice(0, MAX_NODES);
    if (others.length > MAX_NODES) {
      this.note("too-many", { found: others.length, allowed: MAX_NODES });
    }
    const text = known.join(" ");
    if (text !== this.#told) {
      this.#told = text;
      this.#handlers?.onFound(known);
    }
    this.#hasTold();
  }

  /** What stops this method from working; it stands until `works()`. */
  fails(name: TroubleName, fields: LogFields): void {
    if (this.#handlers === null) return;
    this.#problem = this.#troubles.raise(name, fields);
    this.#hasTold();
  }

  /** What is worth a line of the log and stops nothing. */
  note(name: TroubleName, fields: LogFields): void {
    if (this.#handlers !== null) this.#troubles.raise(name, fields);
  }

  works(): void {
    if (this.#problem === null) return;
    this.#problem = null;
    this.#troubles.forget();
    this.log.info("discovery works again");
  }

  get problem(): string | null {
    return this.#problem;
  }
}

/**
 * Several methods at once: what they find counts together, filtered by each one's `allowed_address_space`. Says what
 * the log of a cluster is read for: how many nodes were discovered, that there are none, and which do not join.
 */
import { isIP } from "node:net";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Address } from "../gossip/member.ts";
import { splitAddress } from "./address.ts";
import type { AddressSpace } from "./address-space.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { TroubleLog } from "./trouble-log.ts";
import type { TroubleName } from "./troubles.ts";

export type MethodName =
  | "static"
  | "kubernetes"
  | "consul"
  | "etcd"
  | "dns"
  | "udp"
  | "mdns"
  | "firestore";

export interface Method {
  readonly name: MethodName;
  readonly discovery: Discovery;
  readonly space: AddressSpace;
  /** How long others may take to answer before it counts as nobody. */
  readonly dialTimeoutMs: number;
}

export interface MethodStatus {
  readonly type: MethodName;
  readonly found: readonly Address[];
  readonly problem: string | null;
}

/** A node that was found and is no member after this does not come by itself. */
const JOIN_GRACE_MS = 30_000;

export class SeveralDiscoveries implements Discovery {
  readonly type: string;
  readonly #methods: readonly FilteredMethod[];
  readonly #log: Logger;
  readonly #timers: Timers;
  readonly #troubles: TroubleLog;
  #handlers: DiscoveryHandlers | null = null;
  #told: string | null = null;
  /** When each address that is known now was found first. */
  #foundAt = new Map<Address, number>();

  constructor(methods: readonly Method[], { log, timers }: DiscoveryBasics) {
    this.type = methods.map(({ name }) => name).join("+");
    this.#log = log;
    this.#timers = timers;
    this.#troubles = new TroubleLog(log, timers);
    this.#methods = methods.map((method) => new FilteredMethod(method, this.#troubles, timers));
  }

  /** Resolves once every method has had its first try. */
  async start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#handlers = handlers;
    await Promise.all(this.#methods.map((method) => method.start(self, () => this.#tell())));
    if (this.#methods.length > 0 && this.#methods.every(({ status }) => status.problem !== null)) {
      this.#troubles.raise("all-fail", { methods: this.type });
    }
  }

  refresh(): void {
    for (const method of this.#methods) method.refresh();
  }

  problem(): string | null {
    const problems = this.status().flatMap(({ type, problem }) =>
      problem === null ? [] : [`${type}: ${problem}`],
    );
    return problems.length === 0 ? null : problems.join("; ");
  }

  status(): readonly MethodStatus[] {
    return this.#methods.map((method) => method.status);
  }

  /** To be told now and then who is in: found nodes that are not, after a while, are a trouble of their method. */
  joined(members: ReadonlySet<Address>): void {
    const now = this.#timers.now();
    for (const { type, found } of this.status()) {
      const late = found.filter((one) => now - (this.#foundAt.get(one) ?? now) >= JOIN_GRACE_MS);
      const out = late.filter((one) => !isName(one) && !members.has(one));
      const name: TroubleName = `${type}-unjoined`;
      if (out.length > 0) this.#troubles.raise(name, { discovery: type, addresses: out });
    }
  }

  async stop(): Promise<void> {
    this.#handlers = null;
    await Promise.all(this.#methods.map((method) => method.stop()));
  }

  #tell(): void {
    const all = [...new Set(this.status().flatMap(({ found }) => found))].toSorted();
    const text = all.join(" ");
    if (this.#handlers === null || text === this.#told) return;
    this.#told = text;
    const now = this.#timers.now();
    this.#foundAt = new Map(all.map((address) => [address, this.#foundAt.get(address) ?? now]));
    if (all.length > 0) {
      this.#log.info(`discovered ${all.length} nodes`, { count: all.length, addresses: all });
    }
    this.#handlers.onFound(all);
  }
}

/** A member found by name is known by another address: whether it joined cannot be told. */
function isName(address: Address): boolean {
  const place = splitAddress(address);
  return place !== null && isIP(place.host) === 0;
}

/** One method, without the addresses it must not find. */
class FilteredMethod {
  readonly #method: Method;
  readonly #troubles: TroubleLog;
  readonly #timers: Timers;
  #found: readonly Address[] = [];
  #loneliness: Timer | null = null;
  #isStarted = false;
  #isStopped = false;

  constructor(method: Method, troubles: TroubleLog, timers: Timers) {
    this.#method = method;
    this.#troubles = troubles;
    this.#timers = timers;
  }

  get status(): MethodStatus {
    const { name, discovery } = this.#method;
    return { type: name, found: this.#found, problem: discovery.problem() };
  }

  async start(self: DiscoverySelf, onChange: () => void): Promise<void> {
    const { discovery } = this.#method;
    this.#isStarted = true;
    await discovery.start(self, {
      onFound: (addresses) => {
        this.#found = addresses.filter((address) => this.#isAllowed(address));
        onChange();
        this.#watchLoneliness();
      },
    });
  }

  refresh(): void {
    this.#method.discovery.refresh();
    this.#watchLoneliness();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#loneliness?.cancel();
    if (this.#isStarted) await this.#method.discovery.stop();
  }

  #isAllowed(address: Address): boolean {
    const { name, space } = this.#method;
    if (space.contains(address)) return true;
    this.#troubles.raise("not-allowed", { discovery: name, address, allowed: space.blocks });
    return false;
  }

  /** Nobody is found: said when it stays so for as long as others may take to answer. */
  #watchLoneliness(): void {
    const { name, dialTimeoutMs } = this.#method;
    if (this.#found.length > 0) {
      this.#loneliness?.cancel();
      this.#loneliness = null;
      return;
    }
    if (this.#isStopped || this.#loneliness !== null) return;
    this.#loneliness = this.#timers.after(dialTimeoutMs, () => {
      this.#loneliness = null;
      // What does not work says so itself.
      if (this.status.problem === null) this.#troubles.raise(`${name}-alone`, { discovery: name });
    });
  }
}

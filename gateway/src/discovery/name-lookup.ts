/** What a name resolves to: its SRV records, else its addresses, else what the hosts file says. */
import { promises as dns } from "node:dns";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Address } from "../gossip/member.ts";
import { joinAddress } from "./address.ts";
import { MAX_NODES } from "./findings.ts";
import { inTime } from "@bifrost/shared/domain/in-time";

/** Such as `127.0.0.1:5353`; null = those of this machine. */
export type NameServers = readonly string[] | null;

/**
 * `found`: at least one address. `alias`: the name stands for another one, which has no addresses. `none`: the name
 * server answered that there is no such name, or that it has no addresses.
 */
export type NameAnswer =
  | { readonly kind: "found"; readonly addresses: readonly Address[]; readonly ttlSeconds: number }
  | { readonly kind: "alias"; readonly target: string }
  | { readonly kind: "none" };

interface Ip {
  readonly ip: string;
  readonly ttlSeconds: number;
}

/** Of what the hosts file says. */
const HOSTS_TTL_SECONDS = 10;
/** The name server answered: there is no such name, or no such record. */
const NOTHING = new Set(["ENOTFOUND", "ENODATA"]);
/** Targets of SRV records that are asked for. */
const MAX_TARGETS = 64;

export class NameLookup {
  readonly #servers: NameServers;
  readonly #limitMs: number;
  readonly #timers: Timers;

  constructor(servers: NameServers, limitMs: number, timers: Timers) {
    this.#servers = servers;
    this.#limitMs = limitMs;
    this.#timers = timers;
  }

  /** `port`: of what carries none. Rejects when no name server answered. */
  find(name: string, port: number): Promise<NameAnswer> {
    // Made anew each time: a resolver reads /etc/resolv.conf once.
    const resolver = new dns.Resolver({ timeout: Math.ceil(this.#limitMs / 2), tries: 2 });
    if (this.#servers !== null) resolver.setServers(this.#servers);
    const answer = inTime(this.#timers, this.#limitMs, this.#find(resolver, name, port));
    answer.catch(() => resolver.cancel());
    return answer;
  }

  async #find(resolver: dns.Resolver, name: string, port: number): Promise<NameAnswer> {
    const [services, ips] = await Promise.allSettled([
      orNothing(resolver.resolveSrv(name)),
      this.#ips(resolver, name),
    ]);
    // Of records that carry a port, it is the right one.
    if (services.status === "fulfilled") {
      const located = await this.#atServices(resolver, services.value);
      if (located.length > 0) return answerOf(located);
    }
    // A server that refuses one kind of question may know the answer to another.
    if (ips.status === "rejected") throw ips.reason;
    if (ips.value.length > 0) return answerOf(ips.value.map((one) => ({ ...one, port })));
    const [target] = await orNothing(resolver.resolveCname(name));
    return target === undefined ? { kind: "none" } : { kind: "alias", target };
  }

  async #atServices(
    resolver: dns.Resolver,
    services: readonly { readonly name: string; readonly port: number }[],
  ): Promise<readonly (Ip & { readonly port: number })[]> {
    const targets = services.filter((one) => one.port > 0).slice(0, MAX_TARGETS);
    const found = targets.map(async ({ name, port }) =>
      (await this.#ips(resolver, name)).map((one) => ({ ...one, port })),
    );
    return (await Promise.all(found)).flat();
  }

  async #ips(resolver: dns.Resolver, name: string): Promise<readonly Ip[]> {
    const answers = await Promise.allSettled([
      orNothing(resolver.resolve4(name, { ttl: true })),
      orNothing(resolver.resolve6(name, { ttl: true })),
    ]);
    const records = answers.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    if (records.length > 0) {
      const known = records.slice(0, MAX_NODES);
      return known.map(({ address, ttl }) => ({ ip: address, ttlSeconds: ttl }));
    }
    const hosts = await this.#inHostsFile(name);
    const failed = answers.find((one) => one.status === "rejected");
    if (hosts.length === 0 && failed !== undefined) throw failed.reason;
    return hosts;
  }

  /** Which only the system's own resolver reads. */
  async #inHostsFile(name: string): Promise<readonly Ip[]> {
    if (this.#servers !== null) return [];
    const known = await dns.lookup(name, { all: true }).catch(() => []);
    return known.map(({ address }) => ({ ip: address, ttlSeconds: HOSTS_TTL_SECONDS }));
  }
}

function answerOf(found: readonly (Ip & { readonly port: number })[]): NameAnswer {
  return {
    kind: "found",
    addresses: found.map(({ ip, port }) => joinAddress(ip, port)),
    ttlSeconds: Math.min(...found.map((one) => one.ttlSeconds)),
  };
}

async function orNothing<T>(question: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof Error && "code" in error && NOTHING.has(String(error.code))) return [];
    throw error;
  }
}

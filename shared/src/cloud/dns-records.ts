import { Resolver } from "node:dns/promises";
import { BifrostError } from "../domain/errors.ts";
import type { DomainRecords } from "../ports/domain-records.ts";

export interface DnsRecordsOptions {
  /** `ip:port` of name servers; those of the machine when absent. */
  readonly servers?: readonly string[];
  readonly timeoutMs?: number;
}

/** Codes with which a resolver says that there is nothing, rather than that it could not find out. */
const NOTHING = new Set(["ENOTFOUND", "ENODATA"]);

export class DnsRecords implements DomainRecords {
  readonly #resolver: Resolver;

  constructor({ servers, timeoutMs = 2000 }: DnsRecordsOptions = {}) {
    this.#resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
    if (servers !== undefined) this.#resolver.setServers(servers);
  }

  async texts(name: string): Promise<readonly string[]> {
    try {
      const records = await this.#resolver.resolveTxt(name);
      return records.map((parts) => parts.join(""));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      if (NOTHING.has(code)) return [];
      throw new BifrostError(
        "upstream-unavailable",
        `the TXT records of ${name} could not be looked up (${code}); try again`,
        { name, code },
        { cause: error },
      );
    }
  }
}

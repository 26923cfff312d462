/** `allowed_address_space`: the CIDR blocks in which nodes of this cluster live. */
import { BlockList, isIP } from "node:net";
import type { Address } from "../gossip/member.ts";
import { parseRange } from "../proxy/trusted-proxies.ts";
import { splitAddress } from "./address.ts";

/** Tells whether a node may be at an address; a name may be anywhere, so no block contains it. */
export class AddressSpace {
  /** As configured; empty = everything is allowed. */
  readonly blocks: readonly string[];
  readonly #list = new BlockList();

  /** @throws RangeError for what is no CIDR block; the configuration was checked before. */
  constructor(blocks: readonly string[]) {
    this.blocks = blocks;
    for (const block of blocks) {
      const range = parseRange(block);
      if (range === null) throw new RangeError(`${JSON.stringify(block)} is no CIDR block`);
      this.#list.addSubnet(range.ip, range.bits, range.family);
    }
  }

  containsIp(ip: string): boolean {
    if (this.blocks.length === 0) return true;
    const version = isIP(ip);
    return version !== 0 && this.#list.check(ip, version === 4 ? "ipv4" : "ipv6");
  }

  contains(address: Address): boolean {
    if (this.blocks.length === 0) return true;
    const parts = splitAddress(address);
    return parts !== null && this.containsIp(parts.host);
  }
}

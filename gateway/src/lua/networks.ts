/** `networks{...}` of scripts: made of addresses and CIDR blocks, a function that tells whether an address is in one. */
import { BlockList, isIP } from "node:net";
import { parseRange } from "../proxy/trusted-proxies.ts";
import { HostRefusal } from "./lua-stack.ts";
import type { LuaState } from "./lua-state.ts";

const MAX_LISTS = 16;
const MAX_RANGES = 1024;

const NETWORKS = String.raw`
local new, add, contains = host_networks_new, host_networks_add, host_networks_contain
host_networks_new, host_networks_add, host_networks_contain = nil, nil, nil
local error, type_of = error, type

function networks(ranges)
  if type_of(ranges) ~= "table" then error("networks takes a list of addresses and CIDR blocks", 2) end
  local number = new()
  for i = 1, #ranges do add(number, ranges[i]) end
  return function(ip) return contains(number, ip) end
end
`;

/** Of IPv6 addresses those that stand for IPv4 ones, in any of their spellings. */
const MAPPED = new BlockList();
MAPPED.addSubnet("::ffff:0:0", 96, "ipv6");

/** By family: of IPv4 addresses, `::/0` says nothing. */
class AddressList {
  private readonly ipv4 = new BlockList();
  private readonly ipv6 = new BlockList();
  private size = 0;

  add(range: string): void {
    const block = parseRange(range);
    if (block === null) {
      throw new HostRefusal(`${JSON.stringify(range)} is neither an address nor a CIDR block`);
    }
    if (block.family === "ipv6" && MAPPED.check(block.ip, "ipv6")) {
      throw new HostRefusal(`${JSON.stringify(range)} stands for IPv4 addresses: write it as IPv4`);
    }
    if (++this.size > MAX_RANGES) {
      throw new HostRefusal(`networks takes at most ${MAX_RANGES} addresses and blocks`);
    }
    this[block.family].addSubnet(block.ip, block.bits, block.family);
  }

  contains(address: string): boolean {
    const version = isIP(address);
    if (version === 0) return false;
    const family = version === 4 ? "ipv4" : "ipv6";
    const isMapped = version === 6 && MAPPED.check(address, "ipv6");
    return this[isMapped ? "ipv4" : family].check(address, family);
  }
}

/** Those of one script. */
export class Networks {
  private readonly lists: AddressList[] = [];

  defineIn(state: LuaState): void {
    state.define("host_networks_new", this.create);
    state.define("host_networks_add", this.add);
    state.define("host_networks_contain", this.contain);
    state.run(NETWORKS, "[api]");
  }

  private readonly create = (state: LuaState): number => {
    if (this.lists.length >= MAX_LISTS) {
      throw new HostRefusal(`a script makes at most ${MAX_LISTS} networks: make them at its top`);
    }
    state.pushNumber(this.lists.push(new AddressList()) - 1);
    return 1;
  };

  private readonly add = (state: LuaState): number => {
    this.list(state).add(state.textAt(2) ?? "");
    return 0;
  };

  private readonly contain = (state: LuaState): number => {
    state.pushBoolean(this.list(state).contains(state.textAt(2) ?? ""));
    return 1;
  };

  private list(state: LuaState): AddressList {
    const list = this.lists[state.numberAt(1)];
    if (list === undefined) throw new HostRefusal("there are no such networks");
    return list;
  }
}

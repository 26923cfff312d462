/** CIDR blocks by their first address. */
import { isIP } from "node:net";
import { parseRange } from "../proxy/trusted-proxies.ts";

/** `192.168.1.5/24` → `192.168.1.0/24`; null = no CIDR block. */
export function networkOf(text: string): string | null {
  const range = text.includes("/") ? parseRange(text) : null;
  if (range === null) return null;
  const { ip, bits, family } = range;
  const [width, groupBits] = family === "ipv4" ? [32, 8] : [128, 16];
  const groups = family === "ipv4" ? ip.split(".").map(Number) : ipv6Groups(ip);
  const first = groups.map((group, index) => {
    const kept = Math.min(Math.max(bits - index * groupBits, 0), groupBits);
    return group & ~(2 ** (groupBits - kept) - 1);
  });
  const address = width === 32 ? first.join(".") : shortened(first);
  return `${address}/${bits}`;
}

function ipv6Groups(ip: string): readonly number[] {
  const [head = "", tail] = ip.split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => 0), ...after];
}

function groupsOf(part: string): readonly number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (isIP(group) !== 4) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

/** As RFC 5952 has it; the URL parser knows how. */
function shortened(groups: readonly number[]): string {
  const full = groups.map((group) => group.toString(16)).join(":");
  return new URL(`http://[${full}]`).hostname.slice(1, -1);
}

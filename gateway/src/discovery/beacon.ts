/** What nodes tell each other by broadcast: JSON, small enough for one packet. */
import * as v from "valibot";
import type { NodeId } from "../gossip/member.ts";

/** `hello` asks for a `here`; `bye` is the last word. */
export interface Beacon {
  readonly kind: "hello" | "here" | "bye";
  readonly service: string;
  readonly node: NodeId;
  /** Of gossip; the host is where the packet comes from. */
  readonly port: number;
}

const MAX_BYTES = 512;

const BeaconSchema = v.object({
  bifrost: v.literal(1),
  kind: v.picklist(["hello", "here", "bye"]),
  service: v.pipe(v.string(), v.maxLength(255)),
  node: v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
});

export function encodeBeacon(beacon: Beacon): Buffer {
  return Buffer.from(JSON.stringify({ bifrost: 1, ...beacon }));
}

/** Null for whatever is none: anybody can send to the port. */
export function readBeacon(packet: Buffer): Beacon | null {
  if (packet.length > MAX_BYTES) return null;
  try {
    const result = v.safeParse(BeaconSchema, JSON.parse(packet.toString()));
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}

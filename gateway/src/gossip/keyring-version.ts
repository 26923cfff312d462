/** A version of a cluster's keys as nodes tell it to each other, over sealed streams only. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";
import type { NodeId } from "./member.ts";
import { KEY_BYTES } from "./keyring.ts";

export interface KeyringVersion {
  /** 0 = as this node was configured. */
  readonly version: number;
  /** The node that made this version. */
  readonly by: NodeId;
  /** Number of the key that seals. */
  readonly primary: number;
  readonly keys: readonly {
    readonly id: number;
    readonly print: string;
    /** null = only its fingerprint is told. */
    readonly key: Uint8Array | null;
  }[];
}

const MAX_BYTES = 64 * 1024;
const idSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));
const keySchema = v.pipe(
  v.string(),
  v.maxLength(64),
  v.transform((text) => Buffer.from(text, "base64")),
  v.check((key) => key.length === KEY_BYTES),
);

const RingSchema = v.strictObject({
  version: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  by: v.pipe(v.string(), v.maxLength(64)),
  primary: idSchema,
  keys: v.pipe(
    v.array(
      v.strictObject({
        id: idSchema,
        print: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
        key: v.nullable(keySchema),
      }),
    ),
    v.minLength(1),
    v.maxLength(256),
  ),
});

export function encodeRing(ring: KeyringVersion): Uint8Array {
  const keys = ring.keys.map(({ key, ...entry }) => ({
    ...entry,
    key: key === null ? null : Buffer.from(key).toString("base64"),
  }));
  return Buffer.from(JSON.stringify({ ...ring, keys }));
}

/** Says what is wrong without a word of what was in it. */
export function decodeRing(body: Uint8Array): KeyringVersion {
  const ring = body.length <= MAX_BYTES ? parse(body) : null;
  if (ring !== null && ring.keys.some(({ id }) => id === ring.primary)) return ring;
  throw new BifrostError("bad-request", "a node told a ring of gossip keys that cannot be read", {
    bytes: body.length,
  });
}

function parse(body: Uint8Array): KeyringVersion | null {
  try {
    const parsed = v.safeParse(RingSchema, JSON.parse(Buffer.from(body).toString("utf8")));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** Of two changes made at once the one by the higher name holds, everywhere the same. */
export function isNewer(ring: KeyringVersion, than: KeyringVersion): boolean {
  if (ring.version !== than.version) return ring.version > than.version;
  return ring.version > 0 && ring.by > than.by;
}

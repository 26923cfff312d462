/** Packets one after another in one body, each after its length in two bytes. */

const LENGTH_BYTES = 2;

export function joinPackets(packets: readonly Uint8Array[]): Buffer {
  const bytes = packets.reduce((sum, packet) => sum + LENGTH_BYTES + packet.length, 0);
  const body = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const packet of packets) {
    body.writeUInt16BE(packet.length, at);
    body.set(packet, at + LENGTH_BYTES);
    at += LENGTH_BYTES + packet.length;
  }
  return body;
}

/** null = not a whole number of packets, or one that is too large. */
export function splitPackets(body: Buffer, maxPacketBytes: number): readonly Buffer[] | null {
  const packets: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    if (at + LENGTH_BYTES > body.length) return null;
    const start = at + LENGTH_BYTES;
    at = start + body.readUInt16BE(at);
    if (at > body.length || at - start > maxPacketBytes) return null;
    packets.push(body.subarray(start, at));
  }
  return packets;
}

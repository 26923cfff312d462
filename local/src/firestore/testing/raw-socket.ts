/** Connections by hand: bytes that no client library would send. */
import { connect, type Socket } from "node:net";

export const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
export const SETTINGS = frame(4);

/** RFC 9113, section 4.1. */
export function frame(
  type: number,
  payload: Buffer = Buffer.alloc(0),
  stream = 0,
  flags = 0,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export interface RawSocket {
  readonly socket: Socket;
  /** Everything that came back, once the connection is closed. */
  readonly closed: Promise<string>;
}

/** Resolves when connected; a connection that is refused or reset counts as closed. */
export async function openRaw(port: number, ...parts: (string | Buffer)[]): Promise<RawSocket> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => socket.destroy());
  const closed = new Promise<string>((resolve) => {
    socket.once("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
  });
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), closed]);
  for (const part of parts) socket.write(part);
  return { socket, closed };
}

/** Resolves when the other side has taken the bytes, or is gone. */
export async function writeRaw(
  { socket, closed }: RawSocket,
  bytes: string | Buffer,
): Promise<void> {
  if (socket.write(bytes)) return;
  await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
}

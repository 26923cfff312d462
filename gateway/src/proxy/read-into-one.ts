/**
 * Reads all client sockets into one buffer, as `onread` of net.connect does for sockets to replicas: a read is dealt with
 * before the next one begins. Saves a buffer of 64 KiB and a way through the stream for every read.
 * Node has no such option for sockets it accepts, so what `onread` sets is set here by hand.
 */
import type { Socket } from "node:net";

const READ_BUFFER = Buffer.allocUnsafe(64 * 1024);

interface ReadingHandle {
  useUserBuffer(buffer: Buffer): void;
}

/** `take` gets what arrived, lent for the call. Where Node is made otherwise, it gets it as "data" events tell it. */
export function readIntoOne(socket: Socket, take: (data: Buffer) => void): void {
  const [buffer, callback] = ["kBuffer", "kBufferCb"].map((name) => unsetSymbol(socket, name));
  const handle = Reflect.get(socket, "_handle") as Partial<ReadingHandle> | null;
  if (buffer === undefined || callback === undefined || handle?.useUserBuffer === undefined) {
    socket.on("data", take);
    return;
  }
  Reflect.set(socket, buffer, READ_BUFFER);
  Reflect.set(socket, callback, (length: number) => take(READ_BUFFER.subarray(0, length)));
  handle.useUserBuffer(READ_BUFFER);
  socket.resume();
}

/** The symbol of a property that is there and null: `onread` is known and was not given. */
function unsetSymbol(socket: Socket, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(socket).find(
    (symbol) => symbol.description === name && Reflect.get(socket, symbol) === null,
  );
}

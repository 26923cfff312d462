/**
 * What the core needs of the world. Nothing here waits: sockets are opened, asked for their state and read as far as
 * they have something. Text is latin1, one character per byte.
 */
export interface Host {
  /** null = not set. */
  env(name: string): string | null;
  /** The whole of a small file; null = cannot be read. */
  readFile(path: string): string | null;
  /** Numeric entries of a directory; empty when it cannot be read. */
  listNumeric(path: string): number[];
  /** Entries of `/proc/<pid>/fd`; -1 = not allowed. */
  countDescriptors(path: string): number;
  selfPid(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** From 0 up to but not including 1. */
  random(): number;
  log(text: string): void;
  /** Starts connecting; a handle ≥ 0. */
  open(address: string, port: number): number;
  state(handle: number): SocketState;
  /** Hands over `text` from index `from`; the number of characters taken, 0 = none now. */
  send(handle: number, text: string, from: number): number;
  /** Up to `most` characters that arrived; "" = nothing now. */
  receive(handle: number, most: number): string;
  close(handle: number): void;
}

export type SocketState = number;
export const CONNECTING: SocketState = 0;
export const OPEN: SocketState = 1;
/** The other side sent its end; what came before it may still be read. */
export const ENDED: SocketState = 2;
export const REFUSED: SocketState = -1;
/** Reset, unreachable, anything else. */
export const BROKEN: SocketState = -2;

/**
 * Who is connected, and who has to go when there are too many. Everybody on this machine shares one address, so
 * connections cannot be counted by program: what does nothing makes room for what comes, the longest idle first.
 */
import type { Socket } from "node:net";

export interface ConnectionBounds {
  /** Connections that have not said a word. */
  readonly maxSilent: number;
  /** All connections. */
  readonly maxOpen: number;
}

/** Clients speak at once, so few are ever silent together; each connection costs a descriptor and up to 100 KB. */
export const CONNECTION_BOUNDS: ConnectionBounds = { maxSilent: 256, maxOpen: 2_048 };

/** The other end of a connection, which is how a gRPC call knows its own. */
export type Peer = Partial<Pick<Socket, "remoteAddress" | "remotePort">>;
export type Connection = Pick<Socket, "destroy"> & Peer;

export class OpenConnections {
  readonly #bounds: ConnectionBounds;
  /** By address and port: several addresses of this machine may use the same port. */
  readonly #byPeer = new Map<string, Connection>();
  /** Sets keep the order of insertion: the first is the oldest. */
  readonly #silent = new Set<Connection>();
  /** No request under way. */
  readonly #idle = new Set<Connection>();
  /** How many requests are under way. */
  readonly #busy = new Map<Connection, number>();

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#silent.size + this.#idle.size + this.#busy.size;
  }

  /** False when every connection is in the middle of something: the newcomer cannot be had. */
  admit(connection: Connection): boolean {
    if (this.#silent.size >= this.#bounds.maxSilent) this.#drop(this.#silent);
    // A connection that is silent has most likely just come; one that is idle can be opened again.
    if (this.size >= this.#bounds.maxOpen && !this.#drop(this.#idle) && !this.#drop(this.#silent)) {
      return false;
    }
    this.#silent.add(connection);
    if (connection.remotePort !== undefined) this.#byPeer.set(keyOf(connection), connection);
    return true;
  }

  hasSpoken(connection: Connection): void {
    if (this.#silent.delete(connection)) this.#idle.add(connection);
  }

  /** A request of the connection from there begins; answers what to call when it is over. */
  begin(peer: Peer): () => void {
    const connection = this.#byPeer.get(keyOf(peer));
    if (connection === undefined) return () => undefined;
    this.#idle.delete(connection);
    this.#busy.set(connection, (this.#busy.get(connection) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (!isOver) this.#end(connection);
      isOver = true;
    };
  }

  forget(connection: Connection): void {
    this.#silent.delete(connection);
    this.#idle.delete(connection);
    this.#busy.delete(connection);
    const key = keyOf(connection);
    if (this.#byPeer.get(key) === connection) this.#byPeer.delete(key);
  }

  destroyAll(): void {
    const all = [...this.#silent, ...this.#idle, ...this.#busy.keys()];
    for (const connection of all) connection.destroy();
  }

  #end(connection: Connection): void {
    const left = (this.#busy.get(connection) ?? 0) - 1;
    if (left > 0) {
      this.#busy.set(connection, left);
      return;
    }
    if (this.#busy.delete(connection)) this.#idle.add(connection);
  }

  /** Ends the oldest of them; false when there is none. */
  #drop(connections: ReadonlySet<Connection>): boolean {
    const [oldest] = connections;
    if (oldest === undefined) return false;
    this.forget(oldest);
    oldest.destroy();
    return true;
  }
}

function keyOf({ remoteAddress = "", remotePort = -1 }: Peer): string {
  return `${remoteAddress}:${remotePort}`;
}

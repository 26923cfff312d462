/** Names of hosts to their addresses, remembered for a while: packets cannot wait for a resolver each time. */
import { lookup } from "node:dns";
import { isIP } from "node:net";

const FRESH_MS = 30_000;
const MAX_NAMES = 1024;

export class Names {
  readonly #known = new Map<string, { readonly ip: string; readonly at: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Answers at once where it can; null = nobody knows the name. */
  resolve(host: string, done: (ip: string | null) => void): void {
    if (isIP(host) !== 0) return done(host);
    const known = this.#known.get(host);
    if (known !== undefined && this.#now() - known.at < FRESH_MS) return done(known.ip);
    lookup(host, (error, ip) => {
      // A resolver that fails says nothing of the host: what was known stays.
      if (error !== null) return done(known?.ip ?? null);
      if (this.#known.size >= MAX_NAMES) this.#known.clear();
      this.#known.set(host, { ip, at: this.#now() });
      return done(ip);
    });
    return undefined;
  }
}

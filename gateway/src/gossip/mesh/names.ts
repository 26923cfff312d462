/**
 * Names of hosts to their addresses, remembered for a while: packets cannot wait for a resolver each time. Each name is asked
 * for once at a time, or a slow resolver would get a question for every packet; what was known serves meanwhile.
 */
import { lookup as lookupName } from "node:dns";
import { isIP } from "node:net";

const FRESH_MS = 30_000;
const MAX_NAMES = 1024;

/** Of packets to one name, while it is asked for the first time. */
const MAX_WAITING = 64;

type Lookup = (host: string, done: (error: Error | null, ip: string) => void) => void;
type Done = (ip: string | null) => void;

export class Names {
  readonly #known = new Map<string, { readonly ip: string; readonly at: number }>();
  readonly #asked = new Map<string, Done[]>();
  readonly #now: () => number;
  readonly #lookup: Lookup;

  constructor(now: () => number, lookup: Lookup = lookupName) {
    this.#now = now;
    this.#lookup = lookup;
  }

  /** Answers at once where it can; null = nobody knows the name. */
  resolve(host: string, done: Done): void {
    if (isIP(host) !== 0) return done(host);
    const known = this.#known.get(host);
    const isFresh = known !== undefined && this.#now() - known.at < FRESH_MS;
    if (!isFresh) this.#ask(host);
    const waiting = this.#asked.get(host);
    if (known !== undefined) return done(known.ip);
    if (waiting === undefined || waiting.length >= MAX_WAITING) return done(null);
    waiting.push(done);
    return undefined;
  }

  #ask(host: string): void {
    if (this.#asked.has(host) || this.#asked.size >= MAX_NAMES) return;
    const waiting: Done[] = [];
    this.#asked.set(host, waiting);
    this.#lookup(host, (error, ip) => {
      this.#asked.delete(host);
      // A resolver that fails says nothing of the host: what was known stays.
      if (error === null) this.#remember(host, ip);
      for (const done of waiting) done(error === null ? ip : null);
    });
  }

  #remember(host: string, ip: string): void {
    if (this.#known.size >= MAX_NAMES) this.#known.clear();
    this.#known.set(host, { ip, at: this.#now() });
  }
}

/**
 * What data planes serve from their first connection on. A balancer without health checks sends traffic as soon as
 * somebody listens: then the gateway had better know its routes.
 */
import type { Timers } from "@bifrost/shared/domain/time";
import type { BackendSource } from "@bifrost/shared/ports/backend-source";
import type { RouteSource } from "@bifrost/shared/ports/route-source";
import { NO_TABLES, type Tables } from "./tables.ts";

/** Without its store a gateway listens all the same after this, and says that it is starting. */
const PATIENCE_MS = 5000;

interface Watchable<T> {
  watch(listener: (table: T) => void): () => void;
}

/** Watches a source before there is anyone to tell, and tells the one who comes later what it has heard. */
class EarlyWatch<T> implements Watchable<T> {
  last: T | null = null;
  readonly first: Promise<void>;
  private listener: (table: T) => void = () => undefined;
  private stop: () => void = () => undefined;

  constructor(source: Watchable<T>) {
    this.first = new Promise((resolve) => {
      this.stop = source.watch((table) => {
        this.last = table;
        this.listener(table);
        resolve();
      });
    });
  }

  watch(listener: (table: T) => void): () => void {
    this.listener = listener;
    if (this.last !== null) listener(this.last);
    return () => this.stop();
  }
}

export interface Sources {
  readonly routes: RouteSource;
  readonly backends: BackendSource;
}

/** The same sources for one watcher each, and what they tell first: at the latest after five seconds, whatever that is. */
export function watchEarly<Parts extends Sources>(
  parts: Parts,
  timers: Timers,
): Parts & { readonly firstTables: Promise<Tables> } {
  const routes = new EarlyWatch(parts.routes);
  const backends = new EarlyWatch(parts.backends);
  return { ...parts, routes, backends, firstTables: firstTables({ routes, backends }, timers) };
}

async function firstTables(
  {
    routes,
    backends,
  }: {
    routes: EarlyWatch<NonNullable<Tables["routes"]>>;
    backends: EarlyWatch<NonNullable<Tables["backends"]>>;
  },
  timers: Timers,
): Promise<Tables> {
  const heard = new AbortController();
  const both = Promise.all([routes.first, backends.first]).then(() => heard.abort());
  await Promise.race([both, timers.sleep(PATIENCE_MS, heard.signal)]);
  return { ...NO_TABLES, routes: routes.last, backends: backends.last };
}

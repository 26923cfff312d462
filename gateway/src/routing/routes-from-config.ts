/** The table of routes from the documents of a store. */
import {
  ROUTE_KINDS,
  type RouteKind,
  RouteTableBuilder,
} from "@bifrost/shared/domain/route-table-builder";
import type { ConfigSource } from "@bifrost/shared/ports/config-source";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { RouteSource } from "@bifrost/shared/ports/route-source";

export function routesFromConfig(source: ConfigSource<RouteKind>, log: Logger): RouteSource {
  return {
    watch(listener) {
      const builder = new RouteTableBuilder((invalid) =>
        log.warn("document not valid: what it said before stays in force", { ...invalid }),
      );
      const stops = ROUTE_KINDS.map((kind) =>
        source.watch(kind, (snapshot) => {
          const table = builder.update(kind, snapshot);
          if (table !== null) listener(table);
        }),
      );
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

/** Several sources of releases as one: replicas from the cluster, files from the catalogue of sites. */
import type { BackendSource, BackendTable } from "@bifrost/shared/ports/backend-source";

/** Tells nothing until each of them has told something: half a table would look like releases that are gone. */
export function joinBackends(...sources: readonly BackendSource[]): BackendSource {
  return {
    watch(listener) {
      const tables = new Map<BackendSource, BackendTable>();
      const stops = sources.map((source) =>
        source.watch((table) => {
          tables.set(source, table);
          if (tables.size < sources.length) return;
          listener(new Map(sources.flatMap((one) => [...(tables.get(one) ?? [])])));
        }),
      );
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

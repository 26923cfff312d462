/** Replicas that stand in the configuration, for set-ups in which nothing else tells where apps run. */
import { staticBackendsSchema } from "@bifrost/shared/domain/config-schemas";
import type { BackendSource, ReleaseBackends } from "@bifrost/shared/ports/backend-source";
import type { ConfigSource } from "@bifrost/shared/ports/config-source";
import type { Logger } from "@bifrost/shared/ports/logger";
import * as v from "valibot";

export function backendsFromConfig(source: ConfigSource<"backends">, log: Logger): BackendSource {
  return {
    watch(listener) {
      let known: ReadonlyMap<string, ReleaseBackends> = new Map();
      return source.watch("backends", ({ documents }) => {
        const table = new Map<string, ReleaseBackends>();
        for (const [id, { value }] of documents) {
          if (value === null) continue;
          const read = v.safeParse(staticBackendsSchema, value);
          const release = read.success ? read.output : known.get(id);
          if (!read.success) {
            log.warn("document not valid: what it said before stays in force", {
              document: `backends/${id}`,
              problem: read.issues[0].message,
              before: release === undefined ? "nothing" : "known",
            });
          }
          if (release !== undefined && release.ready.length > 0) table.set(id, release);
        }
        known = table;
        listener(table);
      });
    },
  };
}

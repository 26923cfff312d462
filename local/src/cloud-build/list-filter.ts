import type { BuildRecord } from "./build-record.ts";
import { invalid } from "./grpc-error.ts";

/** Meaning of a ListBuilds filter: `tags="x"` and `status="Y"` joined by AND. Throws INVALID_ARGUMENT for more. */
export function parseFilter(filter: string): (build: BuildRecord) => boolean {
  const terms = filter.trim() === "" ? [] : filter.trim().split(/\s+AND\s+/);
  const checks = terms.map(parseTerm);
  return (build) => checks.every((check) => check(build));
}

function parseTerm(term: string): (build: BuildRecord) => boolean {
  const match = /^(tags|status)\s*=\s*(?:"([\w.-]+)"|([\w.-]+))$/.exec(term.trim());
  const value = match?.[2] ?? match?.[3] ?? "";
  if (match?.[1] === "tags") return (build) => build.tags.includes(value);
  if (match?.[1] === "status") return (build) => build.status === value;
  throw invalid(
    `filter term "${term.slice(0, 100)}" is not supported; use tags="…" and status="…" joined by AND`,
  );
}

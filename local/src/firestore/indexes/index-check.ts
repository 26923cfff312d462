/** Holds queries to the indexes that the project deploys, as production does for every caller. */
import type { FieldPath } from "../values/field-path.ts";
import type { Query } from "../query/query.ts";
import type { IndexDefinitions } from "./index-file.ts";
import { unservedNeeds } from "./index-plan.ts";
import { missingIndex } from "./missing-index.ts";
import { shapeOf } from "./query-shape.ts";

export interface IndexCheck {
  /** Throws FAILED_PRECONDITION for a query that production would refuse for want of an index. */
  check(query: Query, aggregated?: readonly FieldPath[]): void;
}

/** Every query runs, as in Google's emulator. */
export const noIndexCheck: IndexCheck = { check: () => undefined };

export function indexCheck(definitions: IndexDefinitions): IndexCheck {
  return {
    check(query, aggregated) {
      const needs = unservedNeeds(shapeOf(query, aggregated), definitions);
      if (needs.length > 0) throw missingIndex(needs, definitions);
    },
  };
}

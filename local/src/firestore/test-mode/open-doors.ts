/** Whom a server in test mode believes, whose rules hold, and what it answers beside the API. */
import type { VerifyIdToken } from "../edge/caller.ts";
import type { DatabaseName } from "../resource-name.ts";
import type { Rules } from "../rules/rules.ts";
import type { Store } from "../store/store.ts";
import { ReplaceableRules } from "./replaceable-rules.ts";
import { testEndpoints, type TestEndpoints } from "./test-endpoints.ts";
import { readUnsignedToken } from "./unsigned-token.ts";

export interface Doors {
  readonly rules: Rules;
  readonly verifyIdToken: VerifyIdToken;
  readonly ownerToken: string;
  readonly testEndpoints?: TestEndpoints;
}

export function openDoors(initial: Rules, store: Store, database: DatabaseName): Doors {
  const rules = new ReplaceableRules(initial);
  return {
    rules,
    verifyIdToken: readUnsignedToken,
    ownerToken: "owner",
    testEndpoints: testEndpoints(store, database, rules),
  };
}

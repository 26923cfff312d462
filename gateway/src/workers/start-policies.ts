/** The engine that runs policies in this build. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { StartPolicyRuntime } from "./policy-runtime.ts";

export const startPolicies: StartPolicyRuntime = () =>
  Promise.reject(new BifrostError("internal", "This build has no policy engine."));

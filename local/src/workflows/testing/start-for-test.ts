/** Starts the stand-in as tests need it. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { RunningWorkflows, WorkflowsOptions } from "../index.ts";
import { startWorkflows } from "../index.ts";

export const PROJECT = "bifrost-test";
export const LOCATION = "local-1";

/** Definitions are YAML texts by workflow id; tokens name their audience and account in plain text. */
export function startForTest(
  sources: Readonly<Record<string, string>>,
  overrides: Partial<WorkflowsOptions> = {},
): Promise<RunningWorkflows> {
  const definitions = Object.fromEntries(
    Object.entries(sources).map(([id, source]) => [
      id,
      { source, serviceAccount: `${id}@${PROJECT}.iam.gserviceaccount.com` },
    ]),
  );
  return startWorkflows({
    timers: systemTimers,
    log: silentLogger,
    projectId: PROJECT,
    location: LOCATION,
    env: {},
    idToken: (audience, account) => Promise.resolve(`token:${account}:${audience}`),
    ...overrides,
    definitions,
  });
}

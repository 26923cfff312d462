/** Ties the policies of a gateway together: what is stored, what its data planes run, and what went wrong there. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { PolicySource } from "@bifrost/shared/ports/policy-source";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import type { Alerts } from "../alerts/alerts.ts";
import type { DataPlanes } from "../workers/data-planes.ts";
import type { PolicyFaults } from "../workers/policy-faults.ts";
import { attachedConfigs } from "./attached-configs.ts";
import { CandidateChecks } from "./candidate-checks.ts";
import type { PolicyChecker } from "./policy-checker.ts";
import type { PolicyLog } from "./policy-log.ts";
import { PolicySupervisor } from "./policy-supervisor.ts";
import type { ScriptLoader } from "./script-loader.ts";

export interface StoredPolicies {
  readonly source: PolicySource;
  readonly store: Pick<PolicyStore, "read" | "change">;
  readonly loader: Pick<ScriptLoader, "load">;
  readonly log: Pick<PolicyLog, "add" | "stop">;
  /** null = versions wait for a gateway that has one. */
  readonly checking: {
    readonly versions: Pick<PolicyStore, "readVersion" | "changeVersion">;
    readonly checker: PolicyChecker;
  } | null;
}

export interface GatewayPolicies {
  /** Those that come with the gateway. */
  readonly standard: readonly PolicyScript[];
  /** null = there are no others. */
  readonly stored: StoredPolicies | null;
}

interface Deps {
  readonly policies: GatewayPolicies;
  readonly dataPlanes: Pick<DataPlanes, "update" | "recorded" | "tables">;
  readonly policyFaults: Pick<PolicyFaults, "onFault">;
  /** Runs the alert rules among the scripts; null = nobody does. */
  readonly alerts: Pick<Alerts, "setScripts"> | null;
  readonly timers: Timers;
  readonly log: Logger;
}

/** Answers the function that stops it, having written what scripts logged last. */
export function followPolicies(deps: Deps): () => Promise<void> {
  const { policies, dataPlanes, alerts } = deps;
  const { standard, stored } = policies;
  // Said at once: routes that use nothing else need not wait for what is stored.
  dataPlanes.update({ policies: { scripts: standard, disabled: new Set() } });
  alerts?.setScripts({ scripts: standard, disabled: new Set() });
  return stored === null ? () => Promise.resolve() : followStored(deps, stored);
}

function followStored(
  { policies: { standard }, dataPlanes, policyFaults, alerts, timers, log }: Deps,
  stored: StoredPolicies,
): () => Promise<void> {
  const { source, store, loader, checking } = stored;
  const supervisor = new PolicySupervisor({
    store,
    loader,
    standard,
    timers,
    log,
    onScripts: (set) => {
      dataPlanes.update({ policies: set });
      alerts?.setScripts(set);
    },
    tell: (line) => stored.log.add(line),
  });
  const recorded = async (teamId: string | null) => {
    const requests = await dataPlanes.recorded();
    const teams = dataPlanes.tables().routes?.teams;
    if (teamId === null) return requests;
    return requests.filter(({ projectId }) => teams?.get(projectId) === teamId);
  };
  const configsOf = (name: string) => attachedConfigs(name, dataPlanes.tables().routes);
  const checks =
    checking === null
      ? null
      : new CandidateChecks({
          store: checking.versions,
          checker: checking.checker,
          loader,
          recorded,
          configsOf,
          timers,
          log,
        });
  policyFaults.onFault = (fault) => supervisor.onFault(fault);
  const unwatch = source.watch((picture) => {
    supervisor.update(picture);
    checks?.update(picture);
  });
  return async () => {
    unwatch();
    checks?.stop();
    supervisor.stop();
    await stored.log.stop();
  };
}

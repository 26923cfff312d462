/** What every stand-in's start-up is given. */
import path from "node:path";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Addresses } from "../addresses.ts";
import type { LocalConfig } from "../config.ts";
import type { GatewayPorts } from "../gateways.ts";
import type { Secrets } from "../secrets.ts";
import type { Program } from "../addresses.ts";
import type { StandInOptions } from "../stand-in.ts";

export interface AssemblyContext {
  readonly root: string;
  readonly config: LocalConfig;
  readonly addresses: Addresses;
  /** At least one; the first has the base port. */
  readonly gateways: readonly GatewayPorts[];
  readonly secrets: Secrets;
  readonly timers: Timers;
  readonly log: Logger;
}

export const PROJECT_ID = "bifrost-local";
export const REGION = "local-1";
export const TEAM_ID = "local";
export const USER_ID = "local";
/** Owner of every repository on the local git host. */
export const REPOSITORY_OWNER = "local";
export const SOURCE_BUCKET = `${PROJECT_ID}-sources`;
export const SITE_BUCKET = `${PROJECT_ID}-sites`;
export const POLICY_BUCKET = `${PROJECT_ID}-policies`;

/** Image names that stand for programs of this checkout. */
export const PLATFORM_IMAGES = {
  sidecar: "bifrost.local/sidecar",
  pack: "bifrost.local/pack",
  toolchains: "bifrost.local/toolchains",
} as const;

export function standInOptions(
  context: AssemblyContext,
  program: Program,
): Required<StandInOptions> {
  return {
    dataDir: path.join(context.config.home, program),
    port: context.addresses[program],
    timers: context.timers,
    log: context.log.with({ product: program }),
  };
}

export function addressOf(context: AssemblyContext, program: Program): string {
  return `http://127.0.0.1:${context.addresses[program]}`;
}

export function functionUrl(context: AssemblyContext, name: string): string {
  return `${addressOf(context, "functions")}/${name}`;
}

export function accountEmail(service: string): string {
  return `${service}@${PROJECT_ID}.iam.gserviceaccount.com`;
}

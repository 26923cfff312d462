/** Everything a collector reads from its environment, inside the gateway or by itself. */
import { readEnvironment, type Environment } from "@bifrost/shared/domain/environment";
import {
  PLATFORM_VARIABLES,
  refuseEmulatorsOnCloudRun,
  textForm,
  variable,
  wholeNumberForm,
} from "@bifrost/shared/domain/platform-variables";
import * as v from "valibot";

const flag = v.pipe(
  v.picklist(["0", "1"], "must be 0 or 1"),
  v.transform((value) => value === "1"),
);

/** What the gateway has from it. */
export const TELEMETRY_VARIABLES = {
  controlHost: variable({
    name: "BIFROST_CONTROL_HOST",
    meaning: "Address of the control API and of the telemetry collector.",
    schema: textForm,
    fallback: "0.0.0.0",
  }),
  controlPort: variable({
    name: "BIFROST_CONTROL_PORT",
    meaning: "Port of the control API, where sidecars report over HTTP; 0 picks a free one.",
    schema: wholeNumberForm(0, 65_535),
    fallback: 9090,
  }),
  telemetryGrpcPort: variable({
    name: "BIFROST_TELEMETRY_GRPC_PORT",
    meaning: "Port where sidecars report over gRPC; 0 picks a free one.",
    schema: wholeNumberForm(0, 65_535),
    fallback: 9091,
  }),
  exitWithStdin: variable({
    name: "BIFROST_EXIT_WITH_STDIN",
    meaning:
      "1 = end when standard input ends, so that the program does not outlive the one that started it.",
    schema: flag,
    fallback: false,
  }),
} as const;

/** By itself it writes to Firestore over REST, and knows neither the cluster nor the apps' addresses. */
export const COLLECTOR_VARIABLES = {
  ...TELEMETRY_VARIABLES,
  projectId: PLATFORM_VARIABLES.projectId,
  functionsUrl: PLATFORM_VARIABLES.functionsUrl,
  firestoreUrl: PLATFORM_VARIABLES.firestoreUrl,
  identityToolkitUrl: PLATFORM_VARIABLES.identityToolkitUrl,
  firebaseApiKey: PLATFORM_VARIABLES.firebaseApiKey,
  metadataUrl: PLATFORM_VARIABLES.metadataUrl,
  telemetrySecret: PLATFORM_VARIABLES.telemetrySecret,
  logLevel: PLATFORM_VARIABLES.logLevel,
} as const;

export type CollectorConfig = ReturnType<typeof readCollectorConfig>;

/** Throws `invalid-environment`, naming every variable that is missing or malformed. */
export function readCollectorConfig(environment: Environment) {
  refuseEmulatorsOnCloudRun(environment);
  return readEnvironment(COLLECTOR_VARIABLES, environment);
}

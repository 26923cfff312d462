/** Everything the gateway reads from its environment, once. */
import {
  readEnvironment,
  type Environment,
  type Variable,
} from "@bifrost/shared/domain/environment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";
import { hostNameOf } from "./proxy/parse-head.ts";

const text = v.pipe(v.string(), v.minLength(1, "must not be empty"));
const url = v.pipe(v.string(), v.url("must be a URL"));
const endpoint = v.pipe(v.string(), v.regex(/^[a-z0-9.-]+:\d{1,5}$/, "must be host:port"));
const flag = v.pipe(
  v.picklist(["0", "1"], "must be 0 or 1"),
  v.transform((value) => value === "1"),
);

function wholeNumber(least: number, most: number) {
  const range = `must be a whole number from ${least} to ${most}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, range),
    v.transform(Number),
    v.minValue(least, range),
    v.maxValue(most, range),
  );
}

function variable<T>(definition: Variable<T>): Variable<T> {
  return definition;
}

export const GATEWAY_VARIABLES = {
  host: variable({
    name: "BIFROST_GATEWAY_HOST",
    meaning: "Address the gateway listens on for the apps' traffic.",
    schema: text,
    fallback: "0.0.0.0",
  }),
  port: variable({
    name: "BIFROST_GATEWAY_PORT",
    meaning: "Port for the apps' traffic; 0 picks a free one.",
    schema: wholeNumber(0, 65_535),
    fallback: 8080,
  }),
  controlHost: variable({
    name: "BIFROST_CONTROL_HOST",
    meaning: "Address of the gateway's control API and telemetry collector.",
    schema: text,
    fallback: "0.0.0.0",
  }),
  controlPort: variable({
    name: "BIFROST_CONTROL_PORT",
    meaning: "Port of the control API and telemetry collector; 0 picks a free one.",
    schema: wholeNumber(0, 65_535),
    fallback: 9090,
  }),
  domain: variable({
    name: "BIFROST_DOMAIN",
    meaning: "Domain (with port, if not the default one) below which every project gets its host.",
    schema: v.pipe(
      text,
      v.check((value) => hostNameOf(value) !== null, "must be a host name"),
      v.transform((value) => hostNameOf(value) ?? value),
    ),
  }),
  publicScheme: variable<"http" | "https">({
    name: "BIFROST_SCHEME",
    meaning: "Scheme of the apps' addresses.",
    schema: v.picklist(["http", "https"]),
    fallback: "https",
  }),
  projectId: variable({
    name: "GOOGLE_CLOUD_PROJECT",
    meaning: "Google Cloud project.",
    schema: text,
  }),
  firestoreEmulator: variable<string | null>({
    name: "FIRESTORE_EMULATOR_HOST",
    meaning: "host:port of Firestore's gRPC API when it is not Google's; refused on Cloud Run.",
    schema: endpoint,
    fallback: null,
  }),
  firestoreEmulatorToken: variable({
    name: "BIFROST_FIRESTORE_EMULATOR_TOKEN",
    meaning: "Bearer token which that other server takes for the administrator's.",
    schema: text,
    fallback: "owner",
    secret: true,
  }),
  firestoreUrl: variable({
    name: "BIFROST_FIRESTORE_URL",
    meaning: "Base address of Firestore's REST API.",
    schema: url,
    fallback: "https://firestore.googleapis.com",
  }),
  identityToolkitUrl: variable({
    name: "BIFROST_IDENTITY_TOOLKIT_URL",
    meaning: "Base address of Identity Toolkit.",
    schema: url,
    fallback: "https://identitytoolkit.googleapis.com",
  }),
  firebaseApiKey: variable({
    name: "BIFROST_FIREBASE_API_KEY",
    meaning: "Web API key of the Firebase project.",
    schema: text,
    secret: true,
  }),
  metadataUrl: variable({
    name: "BIFROST_METADATA_URL",
    meaning: "Base address of the metadata server that vouches for this program.",
    schema: url,
    fallback: "http://metadata.google.internal",
  }),
  functionsUrl: variable({
    name: "BIFROST_FUNCTIONS_URL",
    meaning: "Base address of all functions; each one answers below it under its own name.",
    schema: url,
  }),
  kubeconfig: variable<string | null>({
    name: "KUBECONFIG",
    meaning: "kubeconfig file; absent = the cluster's own credentials.",
    schema: text,
    fallback: null,
  }),
  telemetrySecret: variable({
    name: "BIFROST_TELEMETRY_SECRET",
    meaning: "Key from which each deployment's telemetry token is derived.",
    schema: text,
    secret: true,
  }),
  connectTimeoutMs: variable({
    name: "BIFROST_UPSTREAM_CONNECT_TIMEOUT_MS",
    meaning: "Longest wait for a connection to a replica, in milliseconds.",
    schema: wholeNumber(1, 60_000),
    fallback: 2000,
  }),
  upstreamConnections: variable({
    name: "BIFROST_UPSTREAM_CONNECTIONS",
    meaning: "Most connections to one replica.",
    schema: wholeNumber(1, 65_535),
    fallback: 512,
  }),
  exitWithStdin: variable({
    name: "BIFROST_EXIT_WITH_STDIN",
    meaning:
      "1 = end when standard input ends, so that no gateway outlives the program that started it.",
    schema: flag,
    fallback: false,
  }),
  logLevel: variable<"debug" | "info" | "warn" | "error">({
    name: "BIFROST_LOG_LEVEL",
    meaning: "Least severe level that is written.",
    schema: v.picklist(["debug", "info", "warn", "error"]),
    fallback: "info",
  }),
} as const;

export type GatewayConfig = ReturnType<typeof readGatewayConfig>;

/** Throws `invalid-environment`; refuses the emulator variable on Cloud Run, where it would loosen verification. */
export function readGatewayConfig(environment: Environment) {
  const isCloudRun = environment["K_SERVICE"] !== undefined;
  if (isCloudRun && environment["FIRESTORE_EMULATOR_HOST"] !== undefined) {
    throw new BifrostError(
      "invalid-environment",
      "FIRESTORE_EMULATOR_HOST must not be set on Cloud Run: it turns verification off; remove it",
    );
  }
  return readEnvironment(GATEWAY_VARIABLES, environment);
}

/** For main.ts, so that the environment is touched in this file alone. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Variables that more than one program of the platform reads, and the forms their values take. */
import * as v from "valibot";
import type { Environment, Variable } from "./environment.ts";
import { BifrostError } from "./errors.ts";

export const textForm = v.pipe(v.string(), v.minLength(1, "must not be empty"));
export const urlForm = v.pipe(v.string(), v.url("must be a URL"));
export const endpointForm = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9.-]+:\d{1,5}$/, "must be host:port"),
);

export function wholeNumberForm(least: number, most: number) {
  const range = `must be a whole number from ${least} to ${most}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, range),
    v.transform(Number),
    v.minValue(least, range),
    v.maxValue(most, range),
  );
}

/** Lets a table's entry keep the type of its values. */
export function variable<T>(definition: Variable<T>): Variable<T> {
  return definition;
}

export const PLATFORM_VARIABLES = {
  projectId: variable({
    name: "GOOGLE_CLOUD_PROJECT",
    meaning: "Google Cloud project.",
    schema: textForm,
  }),
  functionsUrl: variable({
    name: "BIFROST_FUNCTIONS_URL",
    meaning: "Base address of all functions; each one answers below it under its own name.",
    schema: urlForm,
  }),
  scheme: variable<"http" | "https">({
    name: "BIFROST_SCHEME",
    meaning: "Scheme of the apps' addresses.",
    schema: v.picklist(["http", "https"]),
    fallback: "https",
  }),
  firestoreUrl: variable({
    name: "BIFROST_FIRESTORE_URL",
    meaning: "Base address of Firestore's REST API.",
    schema: urlForm,
    fallback: "https://firestore.googleapis.com",
  }),
  firestoreEmulator: variable<string | null>({
    name: "FIRESTORE_EMULATOR_HOST",
    meaning: "host:port of Firestore's gRPC API when it is not Google's; refused on Cloud Run.",
    schema: endpointForm,
    fallback: null,
  }),
  firestoreEmulatorToken: variable({
    name: "BIFROST_FIRESTORE_EMULATOR_TOKEN",
    meaning: "Bearer token which that other server takes for the administrator's.",
    schema: textForm,
    fallback: "owner",
    secret: true,
  }),
  identityToolkitUrl: variable({
    name: "BIFROST_IDENTITY_TOOLKIT_URL",
    meaning: "Base address of Identity Toolkit.",
    schema: urlForm,
    fallback: "https://identitytoolkit.googleapis.com",
  }),
  firebaseApiKey: variable({
    name: "BIFROST_FIREBASE_API_KEY",
    meaning: "Web API key of the Firebase project.",
    schema: textForm,
    secret: true,
  }),
  metadataUrl: variable({
    name: "BIFROST_METADATA_URL",
    meaning: "Base address of the metadata server that vouches for this program.",
    schema: urlForm,
    fallback: "http://metadata.google.internal",
  }),
  storageEndpoint: variable<string | null>({
    name: "BIFROST_STORAGE_ENDPOINT",
    meaning: "Address of Cloud Storage when it is not Google's.",
    schema: urlForm,
    fallback: null,
  }),
  siteBucket: variable({
    name: "BIFROST_SITE_BUCKET",
    meaning: "Bucket for the files of static sites.",
    schema: textForm,
  }),
  kubeconfig: variable<string | null>({
    name: "KUBECONFIG",
    meaning: "kubeconfig file; absent = the cluster's own credentials.",
    schema: textForm,
    fallback: null,
  }),
  telemetrySecret: variable({
    name: "BIFROST_TELEMETRY_SECRET",
    meaning: "Key from which each deployment's telemetry token is derived.",
    schema: textForm,
    secret: true,
  }),
  logLevel: variable<"debug" | "info" | "warn" | "error">({
    name: "BIFROST_LOG_LEVEL",
    meaning: "Least severe level that is written.",
    schema: v.picklist(["debug", "info", "warn", "error"]),
    fallback: "info",
  }),
} as const;

/** Of programs that check who calls them. */
export const CALLER_VARIABLES = {
  oidcIssuer: variable({
    name: "BIFROST_OIDC_ISSUER",
    meaning: "Issuer of the identity tokens that callers present.",
    schema: urlForm,
    fallback: "https://accounts.google.com",
  }),
  oidcCertificatesUrl: variable({
    name: "BIFROST_OIDC_CERTIFICATES_URL",
    meaning: "PEM certificates of that issuer, by key id.",
    schema: urlForm,
    fallback: "https://www.googleapis.com/oauth2/v1/certs",
  }),
} as const;

/** Variables of Google's client libraries that make them accept unsigned tokens or plain connections. */
const EMULATOR_VARIABLES = [
  "FIRESTORE_EMULATOR_HOST",
  "PUBSUB_EMULATOR_HOST",
  "FIREBASE_AUTH_EMULATOR_HOST",
  "STORAGE_EMULATOR_HOST",
];

/** Throws `invalid-environment` when one of them is set on Cloud Run, where it would loosen verification. */
export function refuseEmulatorsOnCloudRun(environment: Environment): void {
  if (environment["K_SERVICE"] === undefined) return;
  const variables = EMULATOR_VARIABLES.filter((name) => environment[name] !== undefined);
  if (variables.length === 0) return;
  throw new BifrostError(
    "invalid-environment",
    `${variables.join(", ")} must not be set on Cloud Run: it turns verification off; remove it`,
    { variables },
  );
}

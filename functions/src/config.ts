/** Everything a function reads from its environment, once. */
import {
  readEnvironment,
  type Environment,
  type Variable,
} from "@bifrost/shared/domain/environment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";

const text = v.pipe(v.string(), v.minLength(1, "must not be empty"));
const url = v.pipe(v.string(), v.url("must be a URL"));
const endpoint = v.pipe(v.string(), v.regex(/^[a-z0-9.-]+:\d{1,5}$/, "must be host:port"));

function variable<T>(definition: Variable<T>): Variable<T> {
  return definition;
}

export const FUNCTION_VARIABLES = {
  projectId: variable({
    name: "GOOGLE_CLOUD_PROJECT",
    meaning: "Google Cloud project.",
    schema: text,
  }),
  region: variable({
    name: "BIFROST_REGION",
    meaning: "Region of workflows and registry.",
    schema: text,
  }),
  functionsUrl: variable({
    name: "BIFROST_FUNCTIONS_URL",
    meaning: "Base address of all functions; each one answers below it under its own name.",
    schema: url,
  }),
  apiUrl: variable({
    name: "BIFROST_API_URL",
    meaning: "Address of the REST API as people see it, used in links.",
    schema: url,
  }),
  domain: variable({
    name: "BIFROST_DOMAIN",
    meaning: "Domain (with port, if not the default one) below which every project gets its host.",
    schema: text,
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
    schema: url,
    fallback: "https://firestore.googleapis.com",
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
  firebaseIssuer: variable({
    name: "BIFROST_FIREBASE_ISSUER",
    meaning: "Issuer of Firebase ID tokens; the project is appended.",
    schema: url,
    fallback: "https://securetoken.google.com",
  }),
  firebaseCertificatesUrl: variable({
    name: "BIFROST_FIREBASE_CERTIFICATES_URL",
    meaning: "PEM certificates of that issuer, by key id.",
    schema: url,
    fallback:
      "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com",
  }),
  metadataUrl: variable({
    name: "BIFROST_METADATA_URL",
    meaning: "Base address of the metadata server that vouches for this function.",
    schema: url,
    fallback: "http://metadata.google.internal",
  }),
  iamUrl: variable({
    name: "BIFROST_IAM_URL",
    meaning: "Base address of IAM Credentials.",
    schema: url,
    fallback: "https://iamcredentials.googleapis.com",
  }),
  oidcIssuer: variable({
    name: "BIFROST_OIDC_ISSUER",
    meaning: "Issuer of the identity tokens that callers present.",
    schema: url,
    fallback: "https://accounts.google.com",
  }),
  oidcCertificatesUrl: variable({
    name: "BIFROST_OIDC_CERTIFICATES_URL",
    meaning: "PEM certificates of that issuer, by key id.",
    schema: url,
    fallback: "https://www.googleapis.com/oauth2/v1/certs",
  }),
  workflowsEndpoint: variable<string | null>({
    name: "BIFROST_WORKFLOWS_ENDPOINT",
    meaning: "host:port of Cloud Workflows when it is not Google's.",
    schema: endpoint,
    fallback: null,
  }),
  cloudBuildEndpoint: variable<string | null>({
    name: "BIFROST_CLOUD_BUILD_ENDPOINT",
    meaning: "host:port of Cloud Build when it is not Google's.",
    schema: endpoint,
    fallback: null,
  }),
  storageEndpoint: variable<string | null>({
    name: "BIFROST_STORAGE_ENDPOINT",
    meaning: "Address of Cloud Storage when it is not Google's.",
    schema: url,
    fallback: null,
  }),
  sourceBucket: variable({
    name: "BIFROST_SOURCE_BUCKET",
    meaning: "Bucket for source archives.",
    schema: text,
  }),
  registry: variable({
    name: "BIFROST_REGISTRY",
    meaning: "Registry and repository prefix for app images, for example HOST/PROJECT/apps.",
    schema: text,
  }),
  toolchains: variable({
    name: "BIFROST_TOOLCHAINS",
    meaning: "Prefix of the images build steps run in; the runtime's name is appended.",
    schema: text,
  }),
  packImage: variable({
    name: "BIFROST_PACK_IMAGE",
    meaning: "Image of the pack step, with its digest.",
    schema: text,
  }),
  sidecarImage: variable({
    name: "BIFROST_SIDECAR_IMAGE",
    meaning: "Image of the sidecar, with its digest.",
    schema: text,
  }),
  collectorHost: variable({
    name: "BIFROST_COLLECTOR_HOST",
    meaning: "IP address sidecars report to.",
    schema: text,
  }),
  collectorPort: variable({
    name: "BIFROST_COLLECTOR_PORT",
    meaning: "Port sidecars report to.",
    schema: v.pipe(
      v.string(),
      v.transform(Number),
      v.integer("must be a port"),
      v.minValue(1),
      v.maxValue(65_535),
    ),
  }),
  telemetrySecret: variable({
    name: "BIFROST_TELEMETRY_SECRET",
    meaning: "Key from which each deployment's telemetry token is derived.",
    schema: text,
    secret: true,
  }),
  healthTimeoutSeconds: variable({
    name: "BIFROST_HEALTH_TIMEOUT_SECONDS",
    meaning: "Longest time from running to the first passed health checks.",
    schema: v.pipe(v.string(), v.transform(Number), v.number("must be a number"), v.minValue(1)),
    fallback: 60,
  }),
  kubeconfig: variable<string | null>({
    name: "KUBECONFIG",
    meaning: "kubeconfig file; absent = the cluster's own credentials.",
    schema: text,
    fallback: null,
  }),
  githubApiUrl: variable({
    name: "BIFROST_GITHUB_API_URL",
    meaning: "GitHub's REST API.",
    schema: url,
    fallback: "https://api.github.com",
  }),
  githubAppId: variable({
    name: "BIFROST_GITHUB_APP_ID",
    meaning: "Id of the GitHub App.",
    schema: text,
  }),
  githubPrivateKey: variable({
    name: "BIFROST_GITHUB_PRIVATE_KEY",
    meaning: "PEM key of the GitHub App.",
    schema: text,
    secret: true,
  }),
  githubWebhookSecret: variable({
    name: "BIFROST_GITHUB_WEBHOOK_SECRET",
    meaning: "Secret that signs GitHub's webhooks.",
    schema: text,
    secret: true,
  }),
  logLevel: variable<"debug" | "info" | "warn" | "error">({
    name: "BIFROST_LOG_LEVEL",
    meaning: "Least severe level that is written.",
    schema: v.picklist(["debug", "info", "warn", "error"]),
    fallback: "info",
  }),
} as const;

export type FunctionConfig = ReturnType<typeof readFunctionConfig>;

/** Variables of Google's client libraries that make them accept unsigned tokens or plain connections. */
const EMULATOR_VARIABLES = [
  "FIRESTORE_EMULATOR_HOST",
  "PUBSUB_EMULATOR_HOST",
  "FIREBASE_AUTH_EMULATOR_HOST",
  "STORAGE_EMULATOR_HOST",
];

/** Throws `invalid-environment`; refuses emulator variables on Cloud Run, where they would loosen verification. */
export function readFunctionConfig(environment: Environment = process.env) {
  if (environment["K_SERVICE"] !== undefined) {
    const loosened = EMULATOR_VARIABLES.filter((name) => environment[name] !== undefined);
    if (loosened.length > 0) {
      throw new BifrostError(
        "invalid-environment",
        `${loosened.join(", ")} must not be set on Cloud Run: it turns verification off; remove it`,
        { variables: loosened },
      );
    }
  }
  return readEnvironment(FUNCTION_VARIABLES, environment);
}

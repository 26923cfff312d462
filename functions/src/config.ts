/** Everything a function reads from its environment, once. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import { readEnvironment, type Environment } from "@bifrost/shared/domain/environment";
import {
  CALLER_VARIABLES,
  endpointForm,
  PLATFORM_VARIABLES,
  refuseEmulatorsOnCloudRun,
  textForm,
  urlForm,
  variable,
} from "@bifrost/shared/domain/platform-variables";
import {
  type CollectorProtocol,
  COLLECTOR_PROTOCOLS,
  DEFAULT_COLLECTOR_PROTOCOL,
} from "@bifrost/shared/manifest/platform-settings";
import * as v from "valibot";

export const FUNCTION_VARIABLES = {
  ...PLATFORM_VARIABLES,
  ...CALLER_VARIABLES,
  region: variable({
    name: "BIFROST_REGION",
    meaning: "Region of workflows and registry.",
    schema: textForm,
  }),
  apiUrl: variable({
    name: "BIFROST_API_URL",
    meaning: "Address of the REST API as people see it, used in links.",
    schema: urlForm,
  }),
  domain: variable({
    name: "BIFROST_DOMAIN",
    meaning: "Domain (with port, if not the default one) below which every project gets its host.",
    schema: textForm,
  }),
  domainVerification: variable<"dns" | "off">({
    name: "BIFROST_DOMAIN_VERIFICATION",
    meaning:
      "How a project shows that a custom domain is its own: `dns` (a TXT record) or `off` (it is believed; only where nobody else has an account).",
    schema: v.picklist(["dns", "off"], "must be dns or off"),
    fallback: "dns",
  }),
  firebaseIssuer: variable({
    name: "BIFROST_FIREBASE_ISSUER",
    meaning: "Issuer of Firebase ID tokens; the project is appended.",
    schema: urlForm,
    fallback: "https://securetoken.google.com",
  }),
  firebaseKeysUrl: variable({
    name: "BIFROST_FIREBASE_KEYS_URL",
    meaning: "JSON Web Key Set of that issuer.",
    schema: urlForm,
    fallback:
      "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
  }),
  iamUrl: variable({
    name: "BIFROST_IAM_URL",
    meaning: "Base address of IAM Credentials.",
    schema: urlForm,
    fallback: "https://iamcredentials.googleapis.com",
  }),
  workflowsEndpoint: variable<string | null>({
    name: "BIFROST_WORKFLOWS_ENDPOINT",
    meaning: "host:port of Cloud Workflows when it is not Google's.",
    schema: endpointForm,
    fallback: null,
  }),
  cloudBuildEndpoint: variable<string | null>({
    name: "BIFROST_CLOUD_BUILD_ENDPOINT",
    meaning: "host:port of Cloud Build when it is not Google's.",
    schema: endpointForm,
    fallback: null,
  }),
  sourceBucket: variable({
    name: "BIFROST_SOURCE_BUCKET",
    meaning: "Bucket for source archives.",
    schema: textForm,
  }),
  gatewayUrl: variable<string | null>({
    name: "BIFROST_GATEWAY_URL",
    meaning:
      "Address of the gateway for looking at the pages of static sites; absent = each host is reached under its own name.",
    schema: urlForm,
    fallback: null,
  }),
  policyBucket: variable({
    name: "BIFROST_POLICY_BUCKET",
    meaning: "Bucket for the sources of Lua policies.",
    schema: textForm,
  }),
  registry: variable({
    name: "BIFROST_REGISTRY",
    meaning: "Registry and repository prefix for app images, for example HOST/PROJECT/apps.",
    schema: textForm,
  }),
  toolchains: variable({
    name: "BIFROST_TOOLCHAINS",
    meaning: "Prefix of the images build steps run in; the runtime's name is appended.",
    schema: textForm,
  }),
  packImage: variable({
    name: "BIFROST_PACK_IMAGE",
    meaning: "Image of the pack step, with its digest.",
    schema: textForm,
  }),
  sidecarImage: variable({
    name: "BIFROST_SIDECAR_IMAGE",
    meaning: "Image of the sidecar, with its digest.",
    schema: textForm,
  }),
  collectorHost: variable({
    name: "BIFROST_COLLECTOR_HOST",
    meaning: "IP address sidecars report to.",
    schema: textForm,
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
  providersUrl: variable<string | null>({
    name: "BIFROST_PROVIDERS_URL",
    meaning:
      "Address at which apps call AI providers through the gateway; new deployments find it and a token of their project in their environment. Absent = they get neither.",
    schema: urlForm,
    fallback: null,
  }),
  collectorProtocol: variable<CollectorProtocol>({
    name: "BIFROST_COLLECTOR_PROTOCOL",
    meaning: "What sidecars speak there: `http` (NDJSON) or `grpc` (a stream).",
    schema: v.picklist(COLLECTOR_PROTOCOLS, `must be ${COLLECTOR_PROTOCOLS.join(" or ")}`),
    fallback: DEFAULT_COLLECTOR_PROTOCOL,
  }),
  healthTimeoutSeconds: variable({
    name: "BIFROST_HEALTH_TIMEOUT_SECONDS",
    meaning: "Longest time from running to the first passed health checks.",
    schema: v.pipe(v.string(), v.transform(Number), v.number("must be a number"), v.minValue(1)),
    fallback: 60,
  }),
  githubApiUrl: variable({
    name: "BIFROST_GITHUB_API_URL",
    meaning: "GitHub's REST API.",
    schema: urlForm,
    fallback: "https://api.github.com",
  }),
  githubAppId: variable({
    name: "BIFROST_GITHUB_APP_ID",
    meaning: "Id of the GitHub App.",
    schema: textForm,
  }),
  githubPrivateKey: variable({
    name: "BIFROST_GITHUB_PRIVATE_KEY",
    meaning: "PEM key of the GitHub App.",
    schema: textForm,
    secret: true,
  }),
  githubWebhookSecret: variable({
    name: "BIFROST_GITHUB_WEBHOOK_SECRET",
    meaning: "Secret that signs GitHub's webhooks.",
    schema: textForm,
    secret: true,
  }),
} as const;

export type FunctionConfig = ReturnType<typeof readFunctionConfig>;

/** Throws `invalid-environment`, naming every variable that is missing or malformed. */
export function readFunctionConfig(environment: Environment = process.env) {
  refuseEmulatorsOnCloudRun(environment);
  const config = readEnvironment(FUNCTION_VARIABLES, environment);
  if (config.domainVerification === "off" && environment["K_SERVICE"] !== undefined) {
    throw new BifrostError(
      "invalid-environment",
      "BIFROST_DOMAIN_VERIFICATION=off must not be set on Cloud Run: anybody could take any domain; remove it",
      { variable: "BIFROST_DOMAIN_VERIFICATION" },
    );
  }
  return config;
}

/** The environment that points the production programs at this machine's stand-ins; the only place that knows both. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { GatewayPorts } from "../gateways.ts";
import { ID_TOKEN_KEYS_PATH } from "../identity/published-keys.ts";
import { clusterVariables } from "./cluster-files.ts";
import {
  addressOf,
  type AssemblyContext,
  PLATFORM_IMAGES,
  POLICY_BUCKET,
  PROJECT_ID,
  REGION,
  SITE_BUCKET,
  SOURCE_BUCKET,
} from "./context.ts";

export type ProgramEnvironment = Readonly<Record<string, string>>;

export function kubeconfigPath(context: AssemblyContext): string {
  return path.join(context.config.home, "kubeconfig");
}

export function domainOf(context: AssemblyContext): string {
  return `localhost:${context.addresses.gateway}`;
}

/** An image reference must carry a digest: that of the program's own bundle. */
export function bundleImage(context: AssemblyContext, name: "sidecar" | "pack"): string {
  const bundle = readFileSync(path.join(context.root, "dist", `${name}.mjs`));
  return `${PLATFORM_IMAGES[name]}@sha256:${createHash("sha256").update(bundle).digest("hex")}`;
}

function metadataBase(context: AssemblyContext): string {
  return `${addressOf(context, "iam")}/metadata/${context.secrets.metadataKey}`;
}

/** Common to the functions and the gateway. */
function shared(context: AssemblyContext): ProgramEnvironment {
  const { secrets, addresses } = context;
  return {
    PATH: context.config.searchPath,
    // Google's clients otherwise look for a metadata server at start and warn that there is none.
    METADATA_SERVER_DETECTION: "none",
    GOOGLE_CLOUD_PROJECT: PROJECT_ID,
    BIFROST_REGION: REGION,
    BIFROST_DOMAIN: domainOf(context),
    BIFROST_DOMAIN_VERIFICATION: "off",
    BIFROST_SCHEME: "http",
    BIFROST_FUNCTIONS_URL: addressOf(context, "functions"),
    BIFROST_FIRESTORE_URL: addressOf(context, "firestore"),
    BIFROST_IDENTITY_TOOLKIT_URL: addressOf(context, "identity"),
    BIFROST_STORAGE_ENDPOINT: addressOf(context, "storage"),
    BIFROST_POLICY_BUCKET: POLICY_BUCKET,
    BIFROST_SITE_BUCKET: SITE_BUCKET,
    BIFROST_FIREBASE_API_KEY: secrets.firebaseApiKey,
    BIFROST_TELEMETRY_SECRET: secrets.telemetrySecret,
    BIFROST_FIRESTORE_EMULATOR_TOKEN: secrets.firestoreOwnerToken,
    FIRESTORE_EMULATOR_HOST: `127.0.0.1:${addresses.firestore}`,
    PUBSUB_EMULATOR_HOST: `127.0.0.1:${addresses.pubsub}`,
    KUBECONFIG: kubeconfigPath(context),
  };
}

export function functionsEnvironment(context: AssemblyContext): ProgramEnvironment {
  const { secrets, addresses } = context;
  return {
    ...shared(context),
    PORT: String(addresses.functions),
    BIFROST_METADATA_BASE: metadataBase(context),
    BIFROST_API_URL: addressOf(context, "functions"),
    BIFROST_GATEWAY_URL: addressOf(context, "gateway"),
    BIFROST_IAM_URL: addressOf(context, "iam"),
    BIFROST_OIDC_ISSUER: addressOf(context, "iam"),
    BIFROST_OIDC_CERTIFICATES_URL: `${addressOf(context, "iam")}/oauth2/v1/certs`,
    BIFROST_FIREBASE_KEYS_URL: `${addressOf(context, "identity")}${ID_TOKEN_KEYS_PATH}`,
    BIFROST_WORKFLOWS_ENDPOINT: `127.0.0.1:${addresses.workflows}`,
    BIFROST_CLOUD_BUILD_ENDPOINT: `127.0.0.1:${addresses.cloudBuild}`,
    BIFROST_SOURCE_BUCKET: SOURCE_BUCKET,
    BIFROST_REGISTRY: `127.0.0.1:${addresses.registry}/${PROJECT_ID}/apps`,
    BIFROST_TOOLCHAINS: PLATFORM_IMAGES.toolchains,
    BIFROST_PACK_IMAGE: bundleImage(context, "pack"),
    BIFROST_SIDECAR_IMAGE: bundleImage(context, "sidecar"),
    BIFROST_COLLECTOR_HOST: "127.0.0.1",
    BIFROST_COLLECTOR_PORT: String(addresses.control),
    BIFROST_HEALTH_TIMEOUT_SECONDS: String(context.config.healthTimeoutSeconds),
    BIFROST_GITHUB_API_URL: addressOf(context, "git"),
    BIFROST_GITHUB_APP_ID: GITHUB_APP_ID,
    BIFROST_GITHUB_PRIVATE_KEY: secrets.githubPrivateKey,
    BIFROST_GITHUB_WEBHOOK_SECRET: secrets.githubWebhookSecret,
  };
}

export const GITHUB_APP_ID = "1";

export function gatewayEnvironment(
  context: AssemblyContext,
  gateway: GatewayPorts,
): ProgramEnvironment {
  return {
    ...shared(context),
    ...(context.gateways.length > 1 ? clusterVariables(context, gateway) : {}),
    BIFROST_GATEWAY_HOST: "127.0.0.1",
    BIFROST_GATEWAY_PORT: String(gateway.traffic),
    BIFROST_CONTROL_HOST: "127.0.0.1",
    BIFROST_CONTROL_PORT: String(gateway.control),
    BIFROST_CONTROL_TOKEN: context.secrets.controlToken,
    // One process serves one machine's apps; it still can be ended apart from its parent.
    BIFROST_GATEWAY_WORKERS: "1",
    BIFROST_ACCESS_LOG: path.join(context.config.home, "logs", accessLogOf(gateway)),
    // Sidecars of this machine report over HTTP.
    BIFROST_TELEMETRY_GRPC_PORT: "0",
    // The collector's own account: it may write replicas and nothing else.
    BIFROST_METADATA_URL: `${metadataBase(context)}/collector`,
    // And the gateway's, for what it finds out about policies.
    BIFROST_GATEWAY_METADATA_URL: `${metadataBase(context)}/gateway`,
  };
}

function accessLogOf({ name }: GatewayPorts): string {
  return name.replace(/^gateway/, "access").concat(".log");
}

/** Everything the gateway reads from its environment, once. */
import { readEnvironment, type Environment } from "@bifrost/shared/domain/environment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import {
  CALLER_VARIABLES,
  PLATFORM_VARIABLES,
  refuseEmulatorsOnCloudRun,
  textForm,
  urlForm,
  variable,
  wholeNumberForm,
} from "@bifrost/shared/domain/platform-variables";
import * as v from "valibot";
import { webhookUrlsForm } from "./alerts/webhook-urls.ts";
import type { ClusterSecrets } from "./cluster-config/cluster-config.ts";
import {
  gossipKeysForm,
  publicKeyForm,
  signingKeyForm,
  trustedKey,
} from "./cluster-config/secret-forms.ts";
import { TELEMETRY_VARIABLES } from "./collector-config.ts";
import { hostNameOf } from "./proxy/parse-head.ts";
import { isRange } from "./proxy/trusted-proxies.ts";

export const GATEWAY_VARIABLES = {
  ...PLATFORM_VARIABLES,
  ...CALLER_VARIABLES,
  ...TELEMETRY_VARIABLES,
  host: variable({
    name: "BIFROST_GATEWAY_HOST",
    meaning: "Address the gateway listens on for the apps' traffic.",
    schema: textForm,
    fallback: "0.0.0.0",
  }),
  port: variable({
    name: "BIFROST_GATEWAY_PORT",
    meaning: "Port for the apps' traffic; 0 picks a free one.",
    schema: wholeNumberForm(0, 65_535),
    fallback: 8080,
  }),
  machine: variable<string | null>({
    name: "BIFROST_MACHINE",
    meaning:
      "Name of the machine, or of the Kubernetes node (`spec.nodeName`), on which this gateway runs, told to its cluster; absent = the host name.",
    schema: v.pipe(textForm, v.maxLength(255)),
    fallback: null,
  }),
  domain: variable({
    name: "BIFROST_DOMAIN",
    meaning: "Domain (with port, if not the default one) below which every project gets its host.",
    schema: v.pipe(
      textForm,
      v.check((value) => hostNameOf(value) !== null, "must be a host name"),
      v.transform((value) => hostNameOf(value) ?? value),
    ),
  }),
  trustedProxies: variable<readonly string[]>({
    name: "BIFROST_TRUSTED_PROXIES",
    meaning:
      "Addresses and CIDR blocks, separated by commas, of the proxies before the gateway whose X-Forwarded-For and X-Forwarded-Proto are believed; a load balancer that adds its own address is to be listed with it.",
    schema: v.pipe(
      textForm,
      v.transform((value) => value.split(",").map((range) => range.trim())),
      v.check((ranges) => ranges.every(isRange), "must be addresses or CIDR blocks"),
    ),
    fallback: [],
  }),
  policyBucket: variable<string | null>({
    name: "BIFROST_POLICY_BUCKET",
    meaning: "Bucket with the sources of Lua policies; absent = only the standard ones run.",
    schema: textForm,
    fallback: null,
  }),
  ownMetadataUrl: variable({
    name: "BIFROST_GATEWAY_METADATA_URL",
    meaning:
      "Base address of the metadata server that vouches for the gateway itself, which writes what it finds out about policies.",
    schema: urlForm,
    fallback: "http://metadata.google.internal",
  }),
  connectTimeoutMs: variable({
    name: "BIFROST_UPSTREAM_CONNECT_TIMEOUT_MS",
    meaning: "Longest wait for a connection to a replica, in milliseconds.",
    schema: wholeNumberForm(1, 60_000),
    fallback: 2000,
  }),
  siteCacheMegabytes: variable({
    name: "BIFROST_SITE_CACHE_MB",
    meaning:
      "Memory in which each process of the gateway keeps files of static sites, in MiB, and as much again for their manifests.",
    schema: wholeNumberForm(1, 65_536),
    fallback: 64,
  }),
  upstreamConnections: variable({
    name: "BIFROST_UPSTREAM_CONNECTIONS",
    meaning: "Most connections to one replica.",
    schema: wholeNumberForm(1, 65_535),
    fallback: 512,
  }),
  workers: variable<number | null>({
    name: "BIFROST_GATEWAY_WORKERS",
    meaning:
      "Processes that carry the apps' traffic; none = one for each core. 0 serves in the gateway's own process, where nothing ends a policy that hangs.",
    schema: wholeNumberForm(0, 256),
    fallback: null,
  }),
  controlToken: variable<string | null>({
    name: "BIFROST_CONTROL_TOKEN",
    meaning:
      "Bearer token for the control API beyond its probes: routes, policies, connections, metrics, drain, restart. none = they refuse everyone.",
    schema: v.pipe(textForm, v.minLength(16, "must have at least 16 characters")),
    fallback: null,
    secret: true,
  }),
  clusterFile: variable<string | null>({
    name: "BIFROST_CONFIG",
    meaning:
      "JSON file with `cluster_config` and `config_store`; absent = this gateway runs alone, on Firestore.",
    schema: textForm,
    fallback: null,
  }),
  kubernetesHost: variable<string | null>({
    name: "KUBERNETES_SERVICE_HOST",
    meaning:
      "Set by Kubernetes in every pod; with `config_store` postgres, tells that replicas are to be found there.",
    schema: textForm,
    fallback: null,
  }),
  storePassword: variable<string | null>({
    name: "BIFROST_CONFIG_STORE_PASSWORD",
    meaning: "Password of the `config_store`; wins over the one in the file.",
    schema: textForm,
    fallback: null,
    secret: true,
  }),
  gossipKeys: variable<ClusterSecrets["gossipKeys"]>({
    name: "BIFROST_GOSSIP_KEYS",
    meaning:
      "AES-256 keys for what nodes tell each other, as `1:<base64 of 32 bytes>`, separated by commas; the first one seals, all of them open.",
    schema: gossipKeysForm,
    fallback: [],
    secret: true,
  }),
  configSigningKey: variable<string | null>({
    name: "BIFROST_CONFIG_SIGNING_KEY",
    meaning:
      "Ed25519 private key (PEM) that signs the configuration this node passes on by gossip; absent = it passes on only what others signed.",
    schema: signingKeyForm,
    fallback: null,
    secret: true,
  }),
  configPublicKey: variable<string | null>({
    name: "BIFROST_CONFIG_PUBLIC_KEY",
    meaning:
      "Ed25519 public key (PEM) of configuration that comes by gossip; absent = that of BIFROST_CONFIG_SIGNING_KEY, and without either none is taken from other nodes.",
    schema: publicKeyForm,
    fallback: null,
    secret: true,
  }),
  consulToken: variable<string | null>({
    name: "BIFROST_CONSUL_TOKEN",
    meaning: "ACL token for Consul, with write permission for the service.",
    schema: textForm,
    fallback: null,
    secret: true,
  }),
  etcdUsername: variable<string | null>({
    name: "BIFROST_ETCD_USERNAME",
    meaning: "User for etcd; absent = no authentication.",
    schema: textForm,
    fallback: null,
  }),
  etcdPassword: variable<string | null>({
    name: "BIFROST_ETCD_PASSWORD",
    meaning: "Password of that user.",
    schema: textForm,
    fallback: null,
    secret: true,
  }),
  providersHost: variable({
    name: "BIFROST_PROVIDERS_HOST",
    meaning:
      "Address on which apps call the AI providers that the file of BIFROST_CONFIG names; it belongs inside, not before the public.",
    schema: textForm,
    fallback: "0.0.0.0",
  }),
  providersPort: variable({
    name: "BIFROST_PROVIDERS_PORT",
    meaning: "Port for those calls; 0 picks a free one.",
    schema: wholeNumberForm(0, 65_535),
    fallback: 8090,
  }),
  alertWebhooks: variable<ReadonlyMap<string, string>>({
    name: "BIFROST_ALERT_WEBHOOKS",
    meaning:
      'Where alert rules may send alerts beside the log: a JSON object of names and https addresses, such as {"ops": "https://chat.example/hook"}.',
    schema: webhookUrlsForm,
    fallback: new Map(),
    secret: true,
  }),
  alertWebhookSecret: variable<string | null>({
    name: "BIFROST_ALERT_WEBHOOK_SECRET",
    meaning:
      "Key of the HMAC-SHA256 over time and body in the header X-Bifrost-Signature; absent = alerts are sent unsigned.",
    schema: v.pipe(textForm, v.minLength(16, "must have at least 16 characters")),
    fallback: null,
    secret: true,
  }),
  alertRepeatMinutes: variable({
    name: "BIFROST_ALERT_REPEAT_MINUTES",
    meaning: "How often an alert that still stands is told again.",
    schema: wholeNumberForm(1, 1440),
    fallback: 5,
  }),
  accessLog: variable({
    name: "BIFROST_ACCESS_LOG",
    meaning:
      "Where each served request is written as a line of JSON: `stdout`, `off`, or the path of a file, which is put aside as `.1` above 64 MiB; SIGHUP opens it anew.",
    schema: textForm,
    fallback: "stdout",
  }),
  accessLogQuery: variable({
    name: "BIFROST_ACCESS_LOG_QUERY",
    meaning: "`on` writes queries too, which may hold tokens.",
    schema: v.pipe(
      v.picklist(["on", "off"], "must be on or off"),
      v.transform((value) => value === "on"),
    ),
    fallback: false,
  }),
} as const;

export type GatewayConfig = ReturnType<typeof readGatewayConfig>;

/** Throws `invalid-environment`, naming every variable that is missing or malformed. */
export function readGatewayConfig(environment: Environment) {
  refuseEmulatorsOnCloudRun(environment);
  const config = readEnvironment(GATEWAY_VARIABLES, environment);
  const configPublicKey = trustedKey(config.configSigningKey, config.configPublicKey);
  if (configPublicKey === undefined) {
    const message =
      "BIFROST_CONFIG_PUBLIC_KEY is not the public key of BIFROST_CONFIG_SIGNING_KEY, so no node would believe another: leave it out where the signing key is set, or make it with `openssl pkey -pubout`";
    throw new BifrostError("invalid-environment", message);
  }
  return { ...config, configPublicKey };
}

/** Throws `invalid-environment` when half of a pair is missing. */
export function clusterSecrets(
  config: Pick<
    GatewayConfig,
    | "gossipKeys"
    | "configSigningKey"
    | "configPublicKey"
    | "consulToken"
    | "etcdUsername"
    | "etcdPassword"
  >,
): ClusterSecrets {
  const { gossipKeys, configSigningKey, configPublicKey, consulToken } = config;
  const { etcdUsername: username, etcdPassword: password } = config;
  if ((username === null) !== (password === null)) {
    const message =
      "BIFROST_ETCD_USERNAME and BIFROST_ETCD_PASSWORD belong together: set both or none";
    throw new BifrostError("invalid-environment", message);
  }
  const etcdCredentials = username === null || password === null ? null : { username, password };
  return { gossipKeys, configSigningKey, configPublicKey, consulToken, etcdCredentials };
}

/** For the entry points, so that the environment is touched in this file alone. */
export function processEnvironment(): Environment {
  return process.env;
}

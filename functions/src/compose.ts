/** The only file here that knows both a port and its adapter. */
import { randomBytes } from "node:crypto";
import { buildFirebaseVerifier, publishedKeys } from "@bifrost/shared/cloud/firebase-verifier";
import { FirestoreDeploymentStore } from "@bifrost/shared/cloud/firestore-deployment-store";
import {
  firestoreDeliveryLog,
  firestoreIdempotencyLog,
} from "@bifrost/shared/cloud/firestore-delivery-log";
import { FirestorePolicyStore } from "@bifrost/shared/cloud/firestore-policy-store";
import { FirestoreProjectStore } from "@bifrost/shared/cloud/firestore-project-store";
import {
  FirestoreDomainStore,
  FirestoreRouteStore,
} from "@bifrost/shared/cloud/firestore-route-store";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { firestoreSiteCatalog } from "@bifrost/shared/cloud/firestore-site-catalog";
import { firestoreTeamDirectory } from "@bifrost/shared/cloud/firestore-team-directory";
import { GoogleCallerVerifier } from "@bifrost/shared/cloud/google-caller-verifier";
import { httpPageProbe } from "@bifrost/shared/cloud/http-page-probe";
import { IamPrincipalSigner } from "@bifrost/shared/cloud/iam-principal-signer";
import { structuredLogger } from "@bifrost/shared/cloud/logging";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { principalToken } from "@bifrost/shared/cloud/principal-token";
import { registryImageFiles } from "@bifrost/shared/cloud/registry-image-files";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { FunctionConfig } from "./config.ts";
import type { Ports } from "./ports.ts";

/** Runs `make` at most once, on first use; a failure is tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null;
      throw error;
    });
    return made;
  };
}

/** Writes to standard output unless `write` takes the lines. */
export function functionLogger(
  service: string,
  config: Pick<FunctionConfig, "logLevel">,
  write?: (line: string) => void,
): Logger {
  return structuredLogger({
    service,
    level: config.logLevel,
    ...(write === undefined ? {} : { write }),
  });
}

export function compose(config: FunctionConfig, log: Logger): Ports {
  const { projectId } = config;
  const identity = new MetadataIdentity({ baseUrl: config.metadataUrl, clock: systemTimers });
  const store = new FirestoreRest({
    baseUrl: config.firestoreUrl,
    projectId,
    token: principalToken({
      issuerUrl: `${config.functionsUrl}/issue-principal`,
      identityToolkitUrl: config.identityToolkitUrl,
      apiKey: config.firebaseApiKey,
      identity,
      clock: systemTimers,
    }),
  });
  return {
    config,
    log,
    timers: systemTimers,
    clock: systemTimers,
    random: (length) => randomBytes(length),
    callers: new GoogleCallerVerifier({
      projectId,
      issuer: config.oidcIssuer,
      certificatesUrl: config.oidcCertificatesUrl,
      clock: systemTimers,
    }),
    signer: new IamPrincipalSigner({ baseUrl: config.iamUrl, identity, clock: systemTimers }),
    deployments: new FirestoreDeploymentStore(store),
    projects: new FirestoreProjectStore(store),
    policies: new FirestorePolicyStore(store),
    routes: new FirestoreRouteStore(store),
    domains: new FirestoreDomainStore(store),
    deliveries: firestoreDeliveryLog(store),
    idempotency: firestoreIdempotencyLog(store),
    teams: firestoreTeamDirectory({
      store,
      verifyIdToken: buildFirebaseVerifier({
        projectId,
        issuer: config.firebaseIssuer,
        keys: publishedKeys({ url: config.firebaseKeysUrl }),
        clock: systemTimers,
      }),
    }),
    sites: firestoreSiteCatalog(store),
    imageFiles: registryImageFiles({
      registry: config.registry,
      token: () => identity.accessToken(),
    }),
    pages: httpPageProbe({ gatewayUrl: config.gatewayUrl, scheme: config.scheme }),
    ...lazyPorts(config, identity),
  };
}

type LazyPorts = Pick<
  Ports,
  | "domainRecords"
  | "sourceHost"
  | "objects"
  | "images"
  | "cluster"
  | "events"
  | "workflows"
  | "feed"
  | "typeMaps"
>;

function lazyPorts(config: FunctionConfig, identity: MetadataIdentity): LazyPorts {
  const { projectId } = config;
  return {
    sourceHost: once(async () => {
      const { GitHubSourceHost } = await import("@bifrost/shared/cloud/github-source-host");
      return new GitHubSourceHost({
        apiUrl: config.githubApiUrl,
        appId: config.githubAppId,
        privateKey: config.githubPrivateKey,
      });
    }),
    objects: once(async () => {
      const { storageObjectStore } = await import("@bifrost/shared/cloud/storage-object-store");
      return storageObjectStore({ projectId, endpoint: config.storageEndpoint });
    }),
    images: once(async () => {
      const { cloudBuildImageBuilder } =
        await import("@bifrost/shared/cloud/cloud-build-image-builder");
      return cloudBuildImageBuilder({ projectId, endpoint: config.cloudBuildEndpoint });
    }),
    cluster: once(async () => {
      const { kubernetesCluster } = await import("@bifrost/shared/cloud/kubernetes-cluster");
      return kubernetesCluster({ kubeconfig: config.kubeconfig, timers: systemTimers });
    }),
    typeMaps: once(async () => {
      const { kubernetesTypeMaps } = await import("@bifrost/shared/cloud/kubernetes-type-maps");
      return kubernetesTypeMaps();
    }),
    events: once(async () => {
      const { pubsubEventBus } = await import("@bifrost/shared/cloud/pubsub-event-bus");
      return pubsubEventBus({ projectId });
    }),
    domainRecords: once(async () => {
      const { DnsRecords } = await import("@bifrost/shared/cloud/dns-records");
      return new DnsRecords();
    }),
    workflows: once(async () => {
      const { workflowsRunner } = await import("@bifrost/shared/cloud/workflows-runner");
      return workflowsRunner({
        projectId,
        region: config.region,
        endpoint: config.workflowsEndpoint,
        identity,
      });
    }),
    feed: once(async () => {
      const { firestoreLiveFeed } = await import("@bifrost/shared/cloud/firestore-live-feed");
      const { firestoreEmulator: host, firestoreEmulatorToken: token } = config;
      return firestoreLiveFeed({ projectId, emulator: host === null ? null : { host, token } });
    }),
  };
}

/** What functions may use; each handler names the few it needs. Heavy clients load on first use. */
import type { Clock, Timers } from "@bifrost/shared/domain/time";
import type { RandomBytes } from "@bifrost/shared/domain/ids";
import type { Cluster } from "@bifrost/shared/ports/cluster";
import type { DeliveryLog, IdempotencyLog } from "@bifrost/shared/ports/delivery-log";
import type { DeploymentStore } from "@bifrost/shared/ports/deployment-store";
import type { DomainRecords } from "@bifrost/shared/ports/domain-records";
import type { EventBus } from "@bifrost/shared/ports/event-bus";
import type { CallerVerifier, PrincipalSigner } from "@bifrost/shared/ports/identity";
import type { ImageBuilder } from "@bifrost/shared/ports/image-builder";
import type { ImageFiles } from "@bifrost/shared/ports/image-files";
import type { LiveFeed } from "@bifrost/shared/ports/live-feed";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { PageProbe } from "@bifrost/shared/ports/page-probe";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import type { ProjectStore } from "@bifrost/shared/ports/project-store";
import type { DomainStore, RouteStore } from "@bifrost/shared/ports/route-store";
import type { SiteCatalog } from "@bifrost/shared/ports/site-catalog";
import type { SourceHost } from "@bifrost/shared/ports/source-host";
import type { TeamDirectory } from "@bifrost/shared/ports/team-directory";
import type { WorkflowRunner } from "@bifrost/shared/ports/workflow-runner";
import type { TypeMaps } from "@bifrost/shared/manifest/check-manifest";
import type { FunctionConfig } from "./config.ts";

type Lazy<T> = () => Promise<T>;

export interface Ports {
  readonly config: FunctionConfig;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Logger;
  readonly callers: CallerVerifier;
  readonly signer: PrincipalSigner;
  readonly deployments: DeploymentStore;
  readonly projects: ProjectStore;
  readonly policies: PolicyStore;
  readonly routes: RouteStore;
  readonly domains: DomainStore;
  readonly deliveries: DeliveryLog;
  readonly idempotency: IdempotencyLog;
  readonly teams: TeamDirectory;
  readonly sites: SiteCatalog;
  readonly imageFiles: ImageFiles;
  readonly pages: PageProbe;
  readonly sourceHost: Lazy<SourceHost>;
  readonly objects: Lazy<ObjectStore>;
  readonly images: Lazy<ImageBuilder>;
  readonly cluster: Lazy<Cluster>;
  readonly events: Lazy<EventBus>;
  readonly domainRecords: Lazy<DomainRecords>;
  readonly workflows: Lazy<WorkflowRunner>;
  readonly feed: Lazy<LiveFeed>;
  /** Field types of the Kubernetes objects, from the official client. */
  readonly typeMaps: Lazy<TypeMaps>;
}

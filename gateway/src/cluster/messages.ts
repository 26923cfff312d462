/**
 * What a gateway's parent and its gossip process tell each other over IPC (structured clone). The gossip process has the
 * membership, the transports, discovery, shared counters and leases, off the data plane.
 */
import type { ClusterTraffic } from "@bifrost/shared/api/cluster-traffic";
import type { ErrorCode } from "@bifrost/shared/domain/errors";
import type { ClusterConfig, ClusterSecrets } from "../cluster-config/cluster-config.ts";
import type { FirestoreAccess } from "../compose-firestore.ts";
import type { Member, NodeId } from "../gossip/member.ts";
import type { LimitsFromPlane, LimitsToPlane } from "../limits/limit-messages.ts";
import type { RouteTally } from "../traffic/route-tally.ts";
import type { FullStatus } from "./cluster-status.ts";

/** What discovery and the transport over HTTPS need of the platform. */
export interface PlatformAccess extends FirestoreAccess {
  /** null = the pod's own service account. */
  readonly kubeconfig: string | null;
  /** Vouches for the gateway itself. */
  readonly metadataUrl: string;
  /** Of the tokens that nodes show each other over HTTPS. */
  readonly oidcIssuer: string;
  readonly oidcCertificatesUrl: string;
}

export interface GossipSettings {
  /** Stays the same when the gossip process is replaced. */
  readonly nodeId: NodeId;
  readonly config: ClusterConfig;
  readonly secrets: ClusterSecrets;
  /** `host:port` of the control API, told to the others; a host that means every address is told as the node's own. */
  readonly control: string;
  /** Name of the machine or Kubernetes node. */
  readonly host: string;
  readonly version: string;
  readonly platform: PlatformAccess;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** How the processes that carry traffic are. */
export interface TrafficLoad {
  /** The worst of all of them since the last one. */
  readonly eventLoopDelayMs: number;
  readonly requestsPerSecond: number;
  /** Share of responses with status 5xx, 0 to 1. */
  readonly errorRate: number;
}

/** How often the parent tells it. */
export const LOAD_MS = 1000;

export type ToGossip =
  | { readonly kind: "start"; readonly settings: GossipSettings }
  /** From one of this node's data planes. */
  | { readonly kind: "limits"; readonly plane: number; readonly message: LimitsFromPlane }
  /** What the data planes served since the last one. */
  | { readonly kind: "served"; readonly served: readonly RouteTally[] }
  | { readonly kind: "load"; readonly load: TrafficLoad }
  | { readonly kind: "ask"; readonly id: number; readonly question: GossipQuestion }
  /** Say goodbye to the others, then end. */
  | { readonly kind: "leave"; readonly graceMs: number };

export type GossipQuestion =
  | { readonly what: "status" }
  | { readonly what: "traffic" }
  | {
      readonly what: "rotate-key";
      readonly step: "install" | "use" | "remove";
      readonly id: number;
      readonly key: string | null;
    };

export type FromGossip =
  /** It listens to messages; what is sent to it before is lost. */
  | { readonly kind: "up" }
  /** The sign of life. */
  | { readonly kind: "beat" }
  | { readonly kind: "listening"; readonly address: string }
  /** It ends after this. */
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
  /** After every change; all of them. */
  | { readonly kind: "members"; readonly members: readonly Member[] }
  /** After a rotation; for the process that is started when this one ends. The first one seals. */
  | { readonly kind: "keys"; readonly keys: ClusterSecrets["gossipKeys"] }
  /** For one of this node's data planes. */
  | { readonly kind: "limits"; readonly plane: number; readonly message: LimitsToPlane }
  | { readonly kind: "answer"; readonly id: number; readonly answer: GossipAnswer };

export type GossipAnswer =
  | { readonly what: "status"; readonly status: FullStatus }
  | { readonly what: "traffic"; readonly traffic: ClusterTraffic }
  | { readonly what: "done" }
  | { readonly what: "refused"; readonly code: ErrorCode; readonly message: string };
